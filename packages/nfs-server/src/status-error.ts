/** How an operation fails: with a status of NFSv4.1. */
import { type StatusName, statusMeaning, XdrError } from "nfs-client/wire";

export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly status: StatusName;

  constructor(status: StatusName, options?: ErrorOptions) {
    super(`${status}: ${statusMeaning(status)}`, options);
    this.status = status;
  }
}

const BY_ERRNO: Readonly<Record<string, StatusName>> = {
  EPERM: "NFS4ERR_PERM",
  ENOENT: "NFS4ERR_NOENT",
  EIO: "NFS4ERR_IO",
  ENXIO: "NFS4ERR_IO",
  EACCES: "NFS4ERR_ACCESS",
  EEXIST: "NFS4ERR_EXIST",
  EXDEV: "NFS4ERR_XDEV",
  ENOTDIR: "NFS4ERR_NOTDIR",
  EISDIR: "NFS4ERR_ISDIR",
  EINVAL: "NFS4ERR_INVAL",
  EFBIG: "NFS4ERR_FBIG",
  ENOSPC: "NFS4ERR_NOSPC",
  EROFS: "NFS4ERR_ROFS",
  EMLINK: "NFS4ERR_MLINK",
  ENAMETOOLONG: "NFS4ERR_NAMETOOLONG",
  ENOTEMPTY: "NFS4ERR_NOTEMPTY",
  EDQUOT: "NFS4ERR_DQUOT",
  ESTALE: "NFS4ERR_STALE",
  ELOOP: "NFS4ERR_SYMLINK",
  EBUSY: "NFS4ERR_FILE_OPEN",
  ETXTBSY: "NFS4ERR_ACCESS",
  ENOTSUP: "NFS4ERR_NOTSUPP",
  EOPNOTSUPP: "NFS4ERR_NOTSUPP",
  EMFILE: "NFS4ERR_DELAY",
  ENFILE: "NFS4ERR_DELAY",
  EAGAIN: "NFS4ERR_DELAY",
};

/**
 * The status that a failure is told as: of an operation, of the operating system, or of decoding. `undefined` for a
 * defect of the server.
 */
export function statusOf(error: unknown): StatusName | undefined {
  if (error instanceof StatusError) return error.status;
  if (error instanceof XdrError) return "NFS4ERR_BADXDR";
  const code = errnoOf(error);
  return code === undefined ? undefined : (BY_ERRNO[code] ?? "NFS4ERR_SERVERFAULT");
}

/** For example `ENOENT`, when the error comes from a system call. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && "syscall" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}
