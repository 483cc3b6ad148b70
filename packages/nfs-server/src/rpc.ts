/** The server's end of ONC RPC version 2 (RFC 5531 §9). */
import {
  AcceptStatus,
  AuthFlavor,
  MAX_AUTH_BODY_SIZE,
  MessageType,
  NFS_PROGRAM,
  NFS_VERSION,
  PARTITION_PROGRAM,
  ReplyStatus,
  RPC_VERSION,
  XdrError,
  XdrReader,
  XdrWriter,
} from "nfs-client/wire";

/** A call that is for us to execute. */
export interface Call {
  readonly xid: number;
  /** NFS, or {@link PARTITION_PROGRAM}. */
  readonly program: number;
  readonly procedure: number;
  /** Whom the credential says the caller is, in a form that can be compared. */
  readonly principal: string;
  /** Stands at the arguments. */
  readonly args: XdrReader;
}

/** By program: the only version of it that is served. */
const VERSIONS: ReadonlyMap<number, number> = new Map([
  [NFS_PROGRAM, NFS_VERSION],
  [PARTITION_PROGRAM.program, PARTITION_PROGRAM.version],
]);

/** Bytes in front of the results of a call that was executed. */
export const REPLY_HEADER_LENGTH = 24;

const DenialReason = { RPC_MISMATCH: 0, AUTH_ERROR: 1 } as const;
const AuthStatus = { BAD_CREDENTIAL: 1, TOO_WEAK: 5 } as const;

/** Lengths that AUTH_SYS allows (RFC 5531 appendix A). */
const MAX_MACHINE_NAME = 255;
const MAX_GIDS = 16;

/** The call in a message, or the reply to one that cannot be executed. @throws {XdrError} when it is no call at all. */
export function readCall(message: Buffer): Call | { readonly refusal: Buffer } {
  const reader = new XdrReader(message);
  const xid = reader.uint32();
  const type = reader.uint32();
  if (type !== MessageType.CALL) throw new XdrError(`Message type ${type} where a call was due`);
  if (reader.uint32() !== RPC_VERSION) {
    return refuse(xid, ReplyStatus.DENIED, [DenialReason.RPC_MISMATCH, RPC_VERSION, RPC_VERSION]);
  }
  const [program, version, procedure] = [reader.uint32(), reader.uint32(), reader.uint32()];
  const flavor = reader.uint32();
  const principal = readPrincipal(flavor, reader.opaque(MAX_AUTH_BODY_SIZE));
  reader.uint32();
  reader.skipOpaque(MAX_AUTH_BODY_SIZE);
  if (typeof principal !== "string") {
    return refuse(xid, ReplyStatus.DENIED, [DenialReason.AUTH_ERROR, principal.authStatus]);
  }
  const known = VERSIONS.get(program);
  if (known === undefined) return refuse(xid, ReplyStatus.ACCEPTED, [0, 0, AcceptStatus.PROG_UNAVAIL]);
  if (version !== known) {
    return refuse(xid, ReplyStatus.ACCEPTED, [0, 0, AcceptStatus.PROG_MISMATCH, known, known]);
  }
  return { xid, program, procedure, principal, args: reader };
}

/** Begins the reply to a call that was executed; its results follow. */
export function beginReply(xid: number): XdrWriter {
  return replyWith(xid, AcceptStatus.SUCCESS);
}

/** The whole reply to a call that was not executed, for a reason of {@link AcceptStatus}. */
export function replyWith(xid: number, acceptStatus: number): XdrWriter {
  return new XdrWriter()
    .uint32(xid)
    .uint32(MessageType.REPLY)
    .uint32(ReplyStatus.ACCEPTED)
    .uint32(AuthFlavor.NONE)
    .uint32(0)
    .uint32(acceptStatus);
}

function refuse(xid: number, status: number, rest: readonly number[]): { refusal: Buffer } {
  const writer = new XdrWriter().uint32(xid).uint32(MessageType.REPLY).uint32(status);
  for (const word of rest) writer.uint32(word);
  return { refusal: writer.toBuffer() };
}

function readPrincipal(flavor: number, body: Buffer): string | { readonly authStatus: number } {
  if (flavor === AuthFlavor.NONE) return "nobody";
  if (flavor !== AuthFlavor.SYS) return { authStatus: AuthStatus.TOO_WEAK };
  try {
    const reader = new XdrReader(body);
    reader.uint32();
    const machineName = reader.string(MAX_MACHINE_NAME);
    const user = reader.uint32();
    reader.uint32();
    const groups = reader.count(4);
    return groups > MAX_GIDS ? { authStatus: AuthStatus.BAD_CREDENTIAL } : `${user}@${machineName}`;
  } catch (error) {
    if (error instanceof XdrError) return { authStatus: AuthStatus.BAD_CREDENTIAL };
    throw error;
  }
}
