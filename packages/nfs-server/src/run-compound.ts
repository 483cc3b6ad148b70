/** The COMPOUND procedure (RFC 8881 §16.2): operations one after the other, until one fails. */
import { isUtf8 } from "node:buffer";
import { MINOR_VERSION, Op, type StatusName, statusCode, type XdrReader, type XdrWriter } from "nfs-client/wire";
import { Compound } from "./compound.ts";
import type { MountTarget } from "./mount-target.ts";
import { OPERATIONS, WITHOUT_SESSION } from "./operations/index.ts";
import type { Operation } from "./operations/operation.ts";
import { sequence } from "./operations/sessions.ts";
import { FIRST_OPERATION, LAST_OPERATION } from "./protocol.ts";
import { beginReply, type Call, REPLY_HEADER_LENGTH } from "./rpc.ts";
import { statusOf } from "./status-error.ts";

const MAX_TAG = 1024;

/** What a COMPOUND came to: the status of its last operation, and how many have results. */
interface Results {
  readonly status: StatusName;
  readonly operations: number;
}

/**
 * Runs a COMPOUND, and returns the whole reply. What its operations changed is durable by then.
 *
 * @throws {XdrError} when what stands in front of the operations cannot be decoded. An operation that cannot be decoded
 * ends the COMPOUND with NFS4ERR_BADXDR.
 */
export async function runCompound(
  mountTarget: MountTarget,
  { xid, principal, args }: Call,
  message: Buffer,
  connection: object,
): Promise<readonly Buffer[]> {
  const body = message.subarray(message.length - args.remaining);
  const tag = args.opaque(MAX_TAG);
  const minorVersion = args.uint32();
  const count = args.count(4);
  const reply = beginReply(xid);
  const setStatus = reply.placeholder();
  reply.opaque(tag);
  const setCount = reply.placeholder();
  const finish = ({ status, operations }: Results): readonly Buffer[] => {
    setStatus(statusCode(status));
    setCount(operations);
    return reply.segments();
  };
  if (minorVersion !== MINOR_VERSION) return finish({ status: "NFS4ERR_MINOR_VERS_MISMATCH", operations: 0 });
  if (!isUtf8(tag)) return finish({ status: "NFS4ERR_INVAL", operations: 0 });
  if (count === 0) return finish({ status: "NFS4_OK", operations: 0 });

  const request = { length: message.length, body, principal, connection, count };
  const compound = new Compound(mountTarget, request, reply);
  const first = args.uint32();
  if (!mountTarget.mayUse(connection)) {
    beginResult(reply, first)("NFS4ERR_ACCESS");
    return finish({ status: "NFS4ERR_ACCESS", operations: 1 });
  }
  if (first === Op.SEQUENCE) return runInSession(compound, args, xid, finish);
  return finish({ status: await runOperation(compound, first, args), operations: 1 });
}

async function runInSession(
  compound: Compound,
  args: XdrReader,
  xid: number,
  finish: (results: Results) => readonly Buffer[],
): Promise<readonly Buffer[]> {
  const setStatus = beginResult(compound.reply, Op.SEQUENCE);
  const sequenced = attempt(() => sequence(compound, args));
  if (typeof sequenced === "string") {
    setStatus(sequenced);
    return finish({ status: sequenced, operations: 1 });
  }
  const { slot, session, cachesReply, outcome } = sequenced;
  if (outcome.kind === "retry") {
    if (outcome.reply !== undefined) return beginReply(xid).raw(outcome.reply).segments();
    beginResult(compound.reply, args.uint32())("NFS4ERR_RETRY_UNCACHED_REP");
    return finish({ status: "NFS4ERR_RETRY_UNCACHED_REP", operations: 2 });
  }
  let kept: Buffer | undefined;
  try {
    let status: StatusName = "NFS4_OK";
    for (compound.index = 1; compound.index < compound.request.count && status === "NFS4_OK"; compound.index++) {
      status = await runOperation(compound, readNumber(args), args);
    }
    await compound.makeDurable();
    const reply = finish({ status, operations: compound.index });
    // A reply of nothing but SEQUENCE is so short that it is always kept.
    if (cachesReply || compound.request.count === 1) kept = Buffer.concat(reply).subarray(REPLY_HEADER_LENGTH);
    return reply;
  } finally {
    compound.end();
    slot.end(kept);
    session.client.requestsInFlight--;
    session.client.renewedAt = compound.state.now();
  }
}

/** Runs an operation and writes its result. */
async function runOperation(compound: Compound, number: number, args: XdrReader): Promise<StatusName> {
  const setStatus = beginResult(compound.reply, number);
  const refusal = refusalOf(compound, number);
  const status = refusal ?? (await attemptAsync(() => OPERATIONS.get(number)?.(compound, args)));
  setStatus(status);
  return status;
}

/** Why an operation is not run: we do not have it, or it may not be where it is. */
function refusalOf({ index, request, dialect }: Compound, number: number): StatusName | undefined {
  if (!isKnown(number)) return "NFS4ERR_OP_ILLEGAL";
  if (index === 0 && !WITHOUT_SESSION.has(number)) return "NFS4ERR_OP_NOT_IN_SESSION";
  if (index === 0 && request.count > 1) return "NFS4ERR_NOT_ONLY_OP";
  if (index > 0 && number === Op.SEQUENCE) return "NFS4ERR_SEQUENCE_POS";
  if (index > 0 && number === Op.BIND_CONN_TO_SESSION) return "NFS4ERR_NOT_ONLY_OP";
  const isRefused = dialect.unsupportedOperations.some((name) => Op[name] === number);
  return OPERATIONS.has(number) && !isRefused ? undefined : "NFS4ERR_NOTSUPP";
}

function beginResult(reply: XdrWriter, number: number): (status: StatusName) => void {
  reply.uint32(isKnown(number) ? number : Op.ILLEGAL);
  const set = reply.placeholder();
  return (status) => set(statusCode(status));
}

function isKnown(number: number): boolean {
  return number >= FIRST_OPERATION && number <= LAST_OPERATION;
}

/** A number that no operation has stands for one that is missing. */
function readNumber(args: XdrReader): number {
  return args.remaining >= 4 ? args.uint32() : Op.ILLEGAL;
}

function attempt<Result>(work: () => Result): Result | StatusName {
  try {
    return work();
  } catch (error) {
    return failureOf(error);
  }
}

async function attemptAsync(work: () => ReturnType<Operation> | undefined): Promise<StatusName> {
  try {
    return (await work()) ?? "NFS4_OK";
  } catch (error) {
    return failureOf(error);
  }
}

function failureOf(error: unknown): StatusName {
  const status = statusOf(error);
  if (status === undefined) throw error;
  return status;
}
