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

export function operationName(code: number): string {
  return Object.entries(Op).find(([, value]) => value === code)?.[0] ?? `operation ${code}`;
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

/** SEQUENCE's reply: what the server wants the client to know (RFC 8881 §18.46). */
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
export const MAXIMUM_FILE_HANDLE = 128;
export const MAXIMUM_OPAQUE = 1024;

/** A lock of this length reaches to the end of the file and beyond. */
export const LOCK_TO_END = 0xffff_ffff_ffff_ffffn;
