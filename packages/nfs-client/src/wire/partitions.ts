/**
 * Which partition of Amazon EFS a connection has reached: a call that AWS's own proxy makes before NFS, and AWS documents
 * in its source only (aws/efs-utils, `src/proxy/src/xdr/awsfile_prot.x`). State of NFS is kept apart by partition, so
 * connections that share a session must have reached the same one.
 */
import { XdrError, type XdrReader, type XdrWriter } from "./xdr.ts";

/** RPC program and version, and the procedure. Servers that are not EFS answer PROG_UNAVAIL. */
export const PARTITION_PROGRAM = { program: 400_123, version: 1 } as const;
export const BIND_CLIENT_TO_PARTITION = 2;

const IDENTIFIER_SIZE = 16;
const INCARNATION_SIZE = 8;
const PARTITION_ID_SIZE = 64;
const MAX_MESSAGE = 1024;

/** Who binds its connections together. */
export interface ConnectionOwner {
  /** 16 random bytes. */
  readonly identifier: Buffer;
  /** Counts how often the owner has begun anew. */
  readonly incarnation: bigint;
}

/** When several connections are worth it, in the server's opinion. */
export interface ConnectionScaling {
  readonly maximumConnections: number;
  /** Bytes a second, both directions together. */
  readonly threshold: number;
  /** Seconds that the threshold must be passed, and that it is measured over. */
  readonly duration: number;
  readonly window: number;
}

/** `ready`: the connection can be used together with others of the same partition. The other kinds have no partition. */
export type BindAnswer =
  | { readonly kind: "ready" | "preferred"; readonly partition: string }
  | { readonly kind: "retry" | "retry-later" | "error"; readonly message: string };

export interface Binding {
  readonly answer: BindAnswer;
  readonly scaling: ConnectionScaling;
}

const BindResponse = { RETRY: 0, RETRY_LATER: 1, PREFERRED: 2, READY: 3, ERROR: 4 } as const;

export function writeConnectionOwner(writer: XdrWriter, { identifier, incarnation }: ConnectionOwner): void {
  writer.opaque(identifier).uint32(INCARNATION_SIZE).uint64(incarnation);
}

/** @throws {XdrError} */
export function readConnectionOwner(reader: XdrReader): ConnectionOwner {
  const identifier = reader.opaque(IDENTIFIER_SIZE);
  const incarnation = reader.opaque(INCARNATION_SIZE);
  if (identifier.length !== IDENTIFIER_SIZE || incarnation.length !== INCARNATION_SIZE) {
    throw new XdrError(`An owner of connections with ${identifier.length} and ${incarnation.length} bytes`);
  }
  return { identifier, incarnation: incarnation.readBigInt64BE() };
}

export function writeBinding(writer: XdrWriter, { answer, scaling }: Binding): void {
  switch (answer.kind) {
    case "ready":
    case "preferred":
      writer.uint32(answer.kind === "ready" ? BindResponse.READY : BindResponse.PREFERRED);
      writer.fixedOpaque(Buffer.from(answer.partition, "hex"));
      break;
    case "retry":
      writer.uint32(BindResponse.RETRY).string(answer.message);
      break;
    case "retry-later":
      writer.uint32(BindResponse.RETRY_LATER).string(answer.message);
      break;
    case "error":
      writer.uint32(BindResponse.ERROR).string(answer.message);
  }
  const { maximumConnections, threshold, duration, window } = scaling;
  writer.uint32(maximumConnections).uint32(threshold).uint32(duration).uint32(window);
}

/** @throws {XdrError} */
export function readBinding(reader: XdrReader): Binding {
  const answer = readAnswer(reader);
  const scaling = {
    maximumConnections: reader.uint32(),
    threshold: reader.uint32(),
    duration: reader.uint32(),
    window: reader.uint32(),
  };
  return { answer, scaling };
}

function readAnswer(reader: XdrReader): BindAnswer {
  const type = reader.uint32();
  switch (type) {
    case BindResponse.READY:
    case BindResponse.PREFERRED:
      return {
        kind: type === BindResponse.READY ? "ready" : "preferred",
        partition: reader.fixedOpaque(PARTITION_ID_SIZE).toString("hex"),
      };
    case BindResponse.RETRY:
      return { kind: "retry", message: reader.string(MAX_MESSAGE) };
    case BindResponse.RETRY_LATER:
      return { kind: "retry-later", message: reader.string(MAX_MESSAGE) };
    case BindResponse.ERROR:
      return { kind: "error", message: reader.string(MAX_MESSAGE) };
    default:
      return { kind: "error", message: `bind response ${type}` };
  }
}

/** A partition's name for a server that makes some up. */
export function partitionId(bytes: Buffer): string {
  return Buffer.concat([bytes], PARTITION_ID_SIZE).toString("hex");
}
