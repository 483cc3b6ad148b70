/** Numbers of the NFSv4.1 protocol (RFC 8881, RFC 5662) that both ends use. */

export const MINOR_VERSION = 1;

/** Operations of a COMPOUND (RFC 8881 §16.2.3). */
export const Op = {
  ACCESS: 3,
  CLOSE: 4,
  COMMIT: 5,
  CREATE: 6,
  DELEGPURGE: 7,
  DELEGRETURN: 8,
  GETATTR: 9,
  GETFH: 10,
  LINK: 11,
  LOCK: 12,
  LOCKT: 13,
  LOCKU: 14,
  LOOKUP: 15,
  LOOKUPP: 16,
  NVERIFY: 17,
  OPEN: 18,
  OPENATTR: 19,
  OPEN_DOWNGRADE: 21,
  PUTFH: 22,
  PUTPUBFH: 23,
  PUTROOTFH: 24,
  READ: 25,
  READDIR: 26,
  READLINK: 27,
  REMOVE: 28,
  RENAME: 29,
  RESTOREFH: 31,
  SAVEFH: 32,
  SECINFO: 33,
  SETATTR: 34,
  VERIFY: 37,
  WRITE: 38,
  BACKCHANNEL_CTL: 40,
  BIND_CONN_TO_SESSION: 41,
  EXCHANGE_ID: 42,
  CREATE_SESSION: 43,
  DESTROY_SESSION: 44,
  FREE_STATEID: 45,
  SECINFO_NO_NAME: 52,
  SEQUENCE: 53,
  TEST_STATEID: 55,
  DESTROY_CLIENTID: 57,
  RECLAIM_COMPLETE: 58,
  ILLEGAL: 10044,
} as const;

const OPERATION_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(Op).map(([name, code]) => [code, name]));

export function operationName(code: number): string {
  return OPERATION_NAMES.get(code) ?? `operation ${code}`;
}

/** File attributes, by bit number (RFC 8881 §5). */
export const Attribute = {
  SUPPORTED_ATTRS: 0,
  TYPE: 1,
  FH_EXPIRE_TYPE: 2,
  CHANGE: 3,
  SIZE: 4,
  LINK_SUPPORT: 5,
  SYMLINK_SUPPORT: 6,
  NAMED_ATTR: 7,
  FSID: 8,
  UNIQUE_HANDLES: 9,
  LEASE_TIME: 10,
  RDATTR_ERROR: 11,
  FILEHANDLE: 19,
  FILEID: 20,
  MAXFILESIZE: 27,
  MAXLINK: 28,
  MAXNAME: 29,
  MAXREAD: 30,
  MAXWRITE: 31,
  MODE: 33,
  NUMLINKS: 35,
  OWNER: 36,
  OWNER_GROUP: 37,
  SPACE_USED: 45,
  TIME_ACCESS: 47,
  TIME_METADATA: 52,
  TIME_MODIFY: 53,
  TIME_MODIFY_SET: 54,
  MOUNTED_ON_FILEID: 55,
  SUPPATTR_EXCLCREAT: 75,
} as const;

/** Kinds of file system objects (RFC 8881 §3.2). */
export const FileTypeCode = {
  REGULAR: 1,
  DIRECTORY: 2,
  BLOCK_DEVICE: 3,
  CHARACTER_DEVICE: 4,
  SYMBOLIC_LINK: 5,
  SOCKET: 6,
  FIFO: 7,
} as const;

/** How durable a WRITE is when its reply arrives (RFC 8881 §18.32). */
export const StableHow = { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 } as const;

/** OPEN (RFC 8881 §18.16). */
export const OpenType = { NOCREATE: 0, CREATE: 1 } as const;
export const CreateMode = { UNCHECKED: 0, GUARDED: 1, EXCLUSIVE: 2, EXCLUSIVE4_1: 3 } as const;
export const OpenClaim = { NULL: 0, PREVIOUS: 1, FH: 4 } as const;
export const ShareAccess = { READ: 1, WRITE: 2, BOTH: 3, WANT_NO_DELEGATION: 0x0400 } as const;
export const ShareDeny = { NONE: 0 } as const;
export const DelegationType = { NONE: 0, READ: 1, WRITE: 2, NONE_EXT: 3 } as const;

/** LOCK (RFC 8881 §18.10). */
export const LockType = { READ: 1, WRITE: 2, READ_WAITING: 3, WRITE_WAITING: 4 } as const;

/** EXCHANGE_ID (RFC 8881 §18.35). */
export const ExchangeFlag = { USE_NON_PNFS: 0x0001_0000, CONFIRMED_R: 0x8000_0000 } as const;
export const StateProtect = { NONE: 0 } as const;

/** Status flags of SEQUENCE's reply (RFC 8881 §18.46). */
export const SequenceFlag = {
  CB_PATH_DOWN: 0x0001,
  EXPIRED_ALL_STATE_REVOKED: 0x0008,
  EXPIRED_SOME_STATE_REVOKED: 0x0010,
  ADMIN_STATE_REVOKED: 0x0020,
  RECALLABLE_STATE_REVOKED: 0x0040,
  LEASE_MOVED: 0x0080,
  RESTART_RECLAIM_NEEDED: 0x0100,
  CB_PATH_DOWN_SESSION: 0x0200,
  BACKCHANNEL_FAULT: 0x0400,
} as const;

/** Sizes in bytes that the protocol fixes. */
export const SESSION_ID_SIZE = 16;
export const VERIFIER_SIZE = 8;
export const STATEID_OTHER_SIZE = 12;
export const MAX_FILE_HANDLE_SIZE = 128;
export const MAX_OPAQUE_SIZE = 1024;

/** A lock of this length reaches to the end of the file and beyond. */
export const LOCK_TO_END = 0xffff_ffff_ffff_ffffn;

/** The status codes of NFS version 4 (RFC 8881 §15.1), with what each means to the caller. */
const STATUSES = {
  NFS4_OK: [0, "success"],
  NFS4ERR_PERM: [1, "only the owner or root may do this"],
  NFS4ERR_NOENT: [2, "no such file or directory"],
  NFS4ERR_IO: [5, "the server could not read or write its storage"],
  NFS4ERR_NXIO: [6, "no such device"],
  NFS4ERR_ACCESS: [13, "permission denied"],
  NFS4ERR_EXIST: [17, "the name exists already"],
  NFS4ERR_XDEV: [18, "source and target are on different file systems"],
  NFS4ERR_NOTDIR: [20, "a part of the path is not a directory"],
  NFS4ERR_ISDIR: [21, "the path is a directory"],
  NFS4ERR_INVAL: [22, "an argument is not valid"],
  NFS4ERR_FBIG: [27, "the file would be larger than the server allows"],
  NFS4ERR_NOSPC: [28, "no space left on the file system"],
  NFS4ERR_ROFS: [30, "the file system is read-only"],
  NFS4ERR_MLINK: [31, "the file has as many names as the server allows"],
  NFS4ERR_NAMETOOLONG: [63, "a name has more than 255 bytes, or the path is deeper than the server allows"],
  NFS4ERR_NOTEMPTY: [66, "the directory is not empty"],
  NFS4ERR_DQUOT: [69, "the quota is used up"],
  NFS4ERR_STALE: [70, "the file was removed while it was in use"],
  NFS4ERR_BADHANDLE: [10001, "the file handle is not valid"],
  NFS4ERR_BAD_COOKIE: [10003, "the place in the directory is no longer valid"],
  NFS4ERR_NOTSUPP: [10004, "the server does not support the operation"],
  NFS4ERR_TOOSMALL: [10005, "the reply does not fit into the size asked for"],
  NFS4ERR_SERVERFAULT: [10006, "the server failed in a way it has no name for"],
  NFS4ERR_BADTYPE: [10007, "the server cannot create objects of this type"],
  NFS4ERR_DELAY: [10008, "the server asks the client to retry later"],
  NFS4ERR_SAME: [10009, "the attributes are the same"],
  NFS4ERR_DENIED: [10010, "another client holds a lock on the range"],
  NFS4ERR_EXPIRED: [10011, "the lease ran out, and state was lost with it"],
  NFS4ERR_LOCKED: [10012, "another client holds a lock on the file"],
  NFS4ERR_GRACE: [10013, "the server restarted and waits for clients to reclaim their state"],
  NFS4ERR_FHEXPIRED: [10014, "the file handle expired"],
  NFS4ERR_SHARE_DENIED: [10015, "another client has the file open in a way that excludes this"],
  NFS4ERR_WRONGSEC: [10016, "the server requires another security mechanism"],
  NFS4ERR_CLID_INUSE: [10017, "another principal uses the client id"],
  NFS4ERR_RESOURCE: [10018, "the request is too much for the server, in the terms of NFS version 4.0"],
  NFS4ERR_NOFILEHANDLE: [10020, "no current file handle"],
  NFS4ERR_MINOR_VERS_MISMATCH: [10021, "the server does not speak NFS version 4.1"],
  NFS4ERR_STALE_CLIENTID: [10022, "the server does not know the client id"],
  NFS4ERR_STALE_STATEID: [10023, "the stateid is from before the server restarted"],
  NFS4ERR_OLD_STATEID: [10024, "the stateid is outdated"],
  NFS4ERR_BAD_STATEID: [10025, "the stateid is not valid"],
  NFS4ERR_BAD_SEQID: [10026, "the sequence id is not valid"],
  NFS4ERR_NOT_SAME: [10027, "the attributes differ"],
  NFS4ERR_LOCK_RANGE: [10028, "the server cannot lock this range"],
  NFS4ERR_SYMLINK: [10029, "the path leads through a symbolic link"],
  NFS4ERR_RESTOREFH: [10030, "no saved file handle"],
  NFS4ERR_LEASE_MOVED: [10031, "the file system moved to another server"],
  NFS4ERR_ATTRNOTSUPP: [10032, "the server does not support the attribute"],
  NFS4ERR_NO_GRACE: [10033, "the time for reclaiming state is over"],
  NFS4ERR_RECLAIM_BAD: [10034, "the server refuses the reclaim"],
  NFS4ERR_RECLAIM_CONFLICT: [10035, "the reclaim conflicts with newer state"],
  NFS4ERR_BADXDR: [10036, "the server could not decode the request"],
  NFS4ERR_LOCKS_HELD: [10037, "locks are held on the file"],
  NFS4ERR_OPENMODE: [10038, "the file is not open for this"],
  NFS4ERR_BADOWNER: [10039, "the server does not know the owner"],
  NFS4ERR_BADCHAR: [10040, "a name holds a character that the server refuses"],
  NFS4ERR_BADNAME: [10041, "the server refuses the name"],
  NFS4ERR_BAD_RANGE: [10042, "the range is not valid"],
  NFS4ERR_LOCK_NOTSUPP: [10043, "the server cannot change the lock in place"],
  NFS4ERR_OP_ILLEGAL: [10044, "the server does not know the operation"],
  NFS4ERR_DEADLOCK: [10045, "waiting for the lock would be a deadlock"],
  NFS4ERR_FILE_OPEN: [10046, "the file is open"],
  NFS4ERR_ADMIN_REVOKED: [10047, "an administrator revoked the state"],
  NFS4ERR_CB_PATH_DOWN: [10048, "the server cannot call the client back"],
  NFS4ERR_BADIOMODE: [10049, "the layout's mode is not valid"],
  NFS4ERR_BADLAYOUT: [10050, "the layout is not valid"],
  NFS4ERR_BAD_SESSION_DIGEST: [10051, "the session's digest is not valid"],
  NFS4ERR_BADSESSION: [10052, "the server does not know the session"],
  NFS4ERR_BADSLOT: [10053, "the session has no such slot"],
  NFS4ERR_COMPLETE_ALREADY: [10054, "reclaiming was completed already"],
  NFS4ERR_CONN_NOT_BOUND_TO_SESSION: [10055, "the connection does not belong to the session"],
  NFS4ERR_DELEG_ALREADY_WANTED: [10056, "a delegation was asked for already"],
  NFS4ERR_BACK_CHAN_BUSY: [10057, "a callback is in progress"],
  NFS4ERR_LAYOUTTRYLATER: [10058, "the layout may be had later"],
  NFS4ERR_LAYOUTUNAVAILABLE: [10059, "no layout for this file"],
  NFS4ERR_NOMATCHING_LAYOUT: [10060, "no matching layout"],
  NFS4ERR_RECALLCONFLICT: [10061, "a recall is in progress"],
  NFS4ERR_UNKNOWN_LAYOUTTYPE: [10062, "the server does not know the layout type"],
  NFS4ERR_SEQ_MISORDERED: [10063, "the slot's sequence id is out of order"],
  NFS4ERR_SEQUENCE_POS: [10064, "SEQUENCE is not the first operation"],
  NFS4ERR_REQ_TOO_BIG: [10065, "the request is larger than the session allows"],
  NFS4ERR_REP_TOO_BIG: [10066, "the reply is larger than the session allows"],
  NFS4ERR_REP_TOO_BIG_TO_CACHE: [10067, "the reply is too large to be kept for a retry"],
  NFS4ERR_RETRY_UNCACHED_REP: [10068, "the request was executed, but its reply was not kept"],
  NFS4ERR_UNSAFE_COMPOUND: [10069, "the COMPOUND holds an operation that is not safe there"],
  NFS4ERR_TOO_MANY_OPS: [10070, "the COMPOUND has more operations than the session allows"],
  NFS4ERR_OP_NOT_IN_SESSION: [10071, "the operation needs a session"],
  NFS4ERR_HASH_ALG_UNSUPP: [10072, "the server does not know the hash algorithm"],
  NFS4ERR_CLIENTID_BUSY: [10074, "the client id still has sessions or state"],
  NFS4ERR_PNFS_IO_HOLE: [10075, "the layout does not cover the range"],
  NFS4ERR_SEQ_FALSE_RETRY: [10076, "the retry differs from the request it repeats"],
  NFS4ERR_BAD_HIGH_SLOT: [10077, "the highest slot is not valid"],
  NFS4ERR_DEADSESSION: [10078, "the session is being torn down"],
  NFS4ERR_ENCR_ALG_UNSUPP: [10079, "the server does not know the encryption algorithm"],
  NFS4ERR_PNFS_NO_LAYOUT: [10080, "no layout is held"],
  NFS4ERR_NOT_ONLY_OP: [10081, "the operation must be alone in its COMPOUND"],
  NFS4ERR_WRONG_CRED: [10082, "the credential is not the one the state belongs to"],
  NFS4ERR_WRONG_TYPE: [10083, "the object is of a type that this is not possible on"],
  NFS4ERR_DIRDELEG_UNAVAIL: [10084, "no directory delegation"],
  NFS4ERR_REJECT_DELEG: [10085, "the callback's delegation was refused"],
  NFS4ERR_RETURNCONFLICT: [10086, "a layout return is in progress"],
  NFS4ERR_DELEG_REVOKED: [10087, "the delegation was revoked"],
} as const satisfies Record<string, readonly [number, string]>;

export type StatusName = keyof typeof STATUSES;

const BY_CODE: ReadonlyMap<number, { name: StatusName; meaning: string }> = new Map(
  statusNames().map((name) => [STATUSES[name][0], { name, meaning: STATUSES[name][1] }]),
);

/** The number of a status on the wire. */
export function statusCode(name: StatusName): number {
  return STATUSES[name][0];
}

/** The name of a status code, or `undefined` for a code that RFC 8881 does not define. */
export function statusName(code: number): StatusName | undefined {
  return BY_CODE.get(code)?.name;
}

/** What a status means, in words. */
export function statusMeaning(name: StatusName): string {
  return STATUSES[name][1];
}

function statusNames(): StatusName[] {
  return Object.keys(STATUSES) as StatusName[];
}
