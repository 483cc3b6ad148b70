/** Numbers of NFSv4.1 that only the server's end needs (RFC 8881, RFC 5662). */

/** The operations of minor version 1 are numbered without gaps; we know their names even where we have no support. */
export const FIRST_OPERATION = 3;
export const LAST_OPERATION = 58;

export const AccessRight = { READ: 1, LOOKUP: 2, MODIFY: 4, EXTEND: 8, DELETE: 16, EXECUTE: 32 } as const;

export const ExchangeFlagMask = {
  /** All that a client may set: moved-refer, moved-migr, bind-princ-stateid, the three pNFS roles, and the update. */
  ALLOWED_FROM_CLIENT: 0x4007_0103,
  UPDATE_CONFIRMED: 0x4000_0000,
} as const;

/** Persistent reply cache, backchannel on this connection, RDMA: all that CREATE_SESSION defines. */
export const CREATE_SESSION_FLAGS = 0x7;

export const BindDirection = { FORE: 1, BACK: 2, FORE_OR_BACK: 3, BACK_OR_FORE: 7 } as const;

export const OpenResultFlag = { LOCKTYPE_POSIX: 4, PRESERVE_UNLINKED: 8 } as const;

export const ShareAccessMask = {
  ACCESS: 0x3,
  /** What the client wants of delegations, and when it wants to hear of them. */
  WANT: 0xff00,
  ALL: 0x3_ff03,
} as const;

/** Claims of OPEN beside the ones a client without delegations makes. */
export const DelegationClaim = { CURRENT: 2, PREVIOUS: 3, CURRENT_FH: 5, PREVIOUS_FH: 6 } as const;

export const WhyNoDelegation = { NOT_WANTED: 0, RESOURCE: 2 } as const;

export const SecinfoStyle = { CURRENT: 0, PARENT: 1 } as const;

/** settime4: whose clock a time is taken from. */
export const SetTime = { SERVER: 0, CLIENT: 1 } as const;

/** Attributes that only SETATTR and creations use, and the ones our client does not ask for. */
export const ServerAttribute = {
  CANSETTIME: 15,
  CASE_INSENSITIVE: 16,
  CASE_PRESERVING: 17,
  CHOWN_RESTRICTED: 18,
  HOMOGENEOUS: 26,
  NO_TRUNC: 34,
  RAWDEV: 41,
  TIME_ACCESS_SET: 48,
  TIME_DELTA: 51,
  TIME_MODIFY_SET: 54,
} as const;

/** Handles outlive restarts and renames (RFC 8881 §4.2.2). */
export const FH_PERSISTENT = 0;

/** What Amazon EFS transfers at most in one READ or WRITE: the rsize and wsize of its mount helper. */
export const MAX_TRANSFER = 1024 * 1024;

/** Bytes, on Amazon EFS as on Linux. */
export const MAX_NAME = 255;
export const MAX_UINT32 = 0xffff_ffff;
