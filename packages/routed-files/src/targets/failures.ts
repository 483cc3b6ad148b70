/** What an operation's error says about the mount target it was tried at. */
import {
  AbortedError,
  BusyError,
  ClosedError,
  ConnectionError,
  DeadlineError,
  isStatus,
  OutcomeUnknownError,
  ProtocolError,
} from "nfs-client";

/**
 * `lost`: the target cannot be used until a probe succeeds. `busy`: it responds, but cannot do this now.
 * `final`: the target did its part; another one would say the same.
 */
export type Verdict = "lost" | "busy" | "final";

export function verdictOn(error: unknown): Verdict {
  if (error instanceof ConnectionError || error instanceof ProtocolError) return "lost";
  // Operations are aborted only where the target was given up.
  if (error instanceof AbortedError || error instanceof ClosedError) return "lost";
  if (error instanceof OutcomeUnknownError) return verdictOnUnknown(error);
  if (isStatus(error, "NFS4ERR_GRACE", "NFS4ERR_DELAY")) return "busy";
  // Each client has limits of its own; a lock is in the way everywhere.
  if (error instanceof BusyError && error.reason === "limit") return "busy";
  return "final";
}

/** Without a cause, the target has lost the reply, but is there. */
function verdictOnUnknown({ cause }: OutcomeUnknownError): Verdict {
  return cause === undefined ? "busy" : verdictOn(cause);
}

/** Whether the operation may have been done all the same. */
export function mayHaveBeenDone(error: unknown): boolean {
  return error instanceof OutcomeUnknownError || verdictOn(error) === "lost";
}

/** Whether the error counts against the target, rather than being a result such as "no such file". */
export function isTargetError(error: unknown): boolean {
  return (
    verdictOn(error) !== "final" ||
    error instanceof DeadlineError ||
    isStatus(error, "NFS4ERR_IO", "NFS4ERR_SERVERFAULT")
  );
}

/**
 * Whether what was read as a file may be none. What a server says of a link, a directory or a device that is read differs
 * from one to the other: only its type tells.
 */
export function mayBeNoFile(error: unknown): boolean {
  return isStatus(error, "NFS4ERR_INVAL", "NFS4ERR_ISDIR", "NFS4ERR_SYMLINK", "NFS4ERR_WRONG_TYPE");
}

/** No mount target could be reached, and waiting for one took too long. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}
