/** ONC RPC version 2 messages (RFC 5531 §9) for one program: NFS version 4. */
import type { XdrReader, XdrWriter } from "./xdr.ts";

export const RPC_VERSION = 2;
export const NFS_PROGRAM = 100_003;
export const NFS_VERSION = 4;

/** Procedures of NFS version 4 (RFC 8881 §16). */
export const Procedure = { NULL: 0, COMPOUND: 1 } as const;

export const MessageType = { CALL: 0, REPLY: 1 } as const;
export const ReplyStatus = { ACCEPTED: 0, DENIED: 1 } as const;
export const AcceptStatus = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const;
export const AuthFlavor = { NONE: 0, SYS: 1 } as const;

/** RFC 5531 §8.2: the body of a credential or verifier. */
export const MAXIMUM_AUTH_BODY = 400;

/** AUTH_SYS (RFC 5531 appendix A): who the client says it is. */
export interface AuthSys {
  /** At most 255 bytes. */
  readonly machineName: string;
  readonly uid: number;
  readonly gid: number;
  /** At most 16. */
  readonly gids: readonly number[];
}

export function writeAuthSys(writer: XdrWriter, { machineName, uid, gid, gids }: AuthSys): void {
  writer.uint32(AuthFlavor.SYS);
  const setLength = writer.placeholder();
  const start = writer.length;
  writer.uint32(0).string(machineName).uint32(uid).uint32(gid).uint32(gids.length);
  for (const each of gids) writer.uint32(each);
  setLength(writer.length - start);
}

/** The part of a call in front of its arguments. */
export function writeCallHeader(
  writer: XdrWriter,
  xid: number,
  procedure: number,
  credential: AuthSys | undefined,
): void {
  writer.uint32(xid).uint32(MessageType.CALL).uint32(RPC_VERSION);
  writer.uint32(NFS_PROGRAM).uint32(NFS_VERSION).uint32(procedure);
  if (credential === undefined) writer.uint32(AuthFlavor.NONE).uint32(0);
  else writeAuthSys(writer, credential);
  writer.uint32(AuthFlavor.NONE).uint32(0);
}

/** The call was not executed; `reason` says why in the terms of RFC 5531. */
export interface RpcRefusal {
  readonly reason: string;
}

/** Reads what stands between the xid and the results; leaves the reader at the results when it returns nothing. */
export function readReplyHeader(reader: XdrReader): RpcRefusal | undefined {
  const type = reader.uint32();
  if (type !== MessageType.REPLY) return { reason: `message type ${type} where a reply was due` };
  if (reader.uint32() === ReplyStatus.DENIED) return { reason: readDenial(reader) };
  reader.uint32();
  reader.opaque(MAXIMUM_AUTH_BODY);
  const status = reader.uint32();
  return status === AcceptStatus.SUCCESS ? undefined : { reason: acceptStatusName(status) };
}

function readDenial(reader: XdrReader): string {
  if (reader.uint32() === 0) return "RPC_MISMATCH";
  return `AUTH_ERROR ${reader.uint32()}`;
}

function acceptStatusName(status: number): string {
  const entry = Object.entries(AcceptStatus).find(([, value]) => value === status);
  return entry?.[0] ?? `accept status ${status}`;
}
