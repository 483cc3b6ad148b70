import type { FileErrorCode } from "./errors.ts";

/** What a status of NFS (RFC 8881 §15.1) means in Node.js, which both halves of the package say alike. */
export const OF_NFS_STATUS: Readonly<Record<string, FileErrorCode>> = {
  NFS4ERR_ACCESS: "EACCES",
  NFS4ERR_PERM: "EACCES",
  NFS4ERR_NOENT: "ENOENT",
  NFS4ERR_STALE: "ENOENT",
  NFS4ERR_EXIST: "EEXIST",
  NFS4ERR_ISDIR: "EISDIR",
  NFS4ERR_NOTDIR: "ENOTDIR",
  NFS4ERR_NOTEMPTY: "ENOTEMPTY",
  NFS4ERR_SYMLINK: "ELOOP",
  NFS4ERR_NAMETOOLONG: "ENAMETOOLONG",
  NFS4ERR_INVAL: "EINVAL",
  NFS4ERR_BADCHAR: "EINVAL",
  NFS4ERR_BADNAME: "EINVAL",
  NFS4ERR_ROFS: "EROFS",
  NFS4ERR_FBIG: "EFBIG",
  NFS4ERR_NOSPC: "ENOSPC",
  NFS4ERR_DQUOT: "EDQUOT",
  NFS4ERR_FILE_OPEN: "EBUSY",
  NFS4ERR_LOCKED: "EBUSY",
  NFS4ERR_DENIED: "EBUSY",
  NFS4ERR_DELAY: "ERR_UNAVAILABLE",
  NFS4ERR_GRACE: "ERR_UNAVAILABLE",
};

/** What a code, or a status without one, means for an operation, where that is more than it says by itself. */
export type Meanings = Readonly<Record<string | number, FileErrorCode>>;
