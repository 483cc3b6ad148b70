/**
 * How a server differs from one that grants and supports all of NFSv4.1: what it refuses, and where its limits are.
 *
 * Sources: "guide" is the Amazon EFS user guide, its pages "Amazon EFS quotas" (with "Unsupported NFSv4.0 and 4.1
 * features") and "Troubleshooting file operation errors". What it does not say is marked as assumed.
 */
import type { Attribute } from "nfs-client/wire";
import { MAX_TRANSFER, MAX_UINT32 } from "../protocol.ts";

/** Operations that a server can be without (RFC 8881 §15.1.1.5). */
export const REFUSABLE_OPERATIONS = ["LINK", "NVERIFY", "VERIFY"] as const;

export type RefusableOperation = (typeof REFUSABLE_OPERATIONS)[number];

/** Attributes that RFC 8881 §5.2 only recommends, of those that this server has. */
export const OPTIONAL_ATTRIBUTES = [
  "FILEID",
  "MAXFILESIZE",
  "MAXLINK",
  "MAXNAME",
  "MAXREAD",
  "MAXWRITE",
  "MODE",
  "NUMLINKS",
  "OWNER",
  "OWNER_GROUP",
  "SPACE_USED",
  "TIME_ACCESS",
  "TIME_METADATA",
  "TIME_MODIFY",
  "MOUNTED_ON_FILEID",
] as const satisfies readonly (keyof typeof Attribute)[];

export type OptionalAttribute = (typeof OPTIONAL_ATTRIBUTES)[number];

export interface Dialect {
  /** Operations in one COMPOUND, SEQUENCE included; more are NFS4ERR_TOO_MANY_OPS. For sessions made from then on. */
  readonly maximumOperations: number;
  /** Requests that a session may have in flight. For sessions made from then on. */
  readonly maximumSlots: number;
  /**
   * Bytes of one request and of one reply, RPC headers included; more is NFS4ERR_REQ_TOO_BIG or NFS4ERR_REP_TOO_BIG.
   * At most {@link MAX_MESSAGE_BYTES}. For sessions made from then on.
   */
  readonly maximumMessageBytes: number;
  /** Bytes that one READ reads and one WRITE writes, of those that it is asked for (RFC 8881 §18.22.3, §18.32.3). */
  readonly bytesAtOnce: number;

  /** Answered with NFS4ERR_NOTSUPP. Without LINK, the attribute LINK_SUPPORT is false. */
  readonly unsupportedOperations: readonly RefusableOperation[];
  /**
   * Left out of SUPPORTED_ATTRS and of what GETATTR and READDIR answer. SETATTR, CREATE, OPEN, VERIFY and NVERIFY that
   * name one are NFS4ERR_ATTRNOTSUPP (RFC 8881 §18.30.3, §18.31.3; guide: "an attempt to set these attributes").
   */
  readonly unsupportedAttributes: readonly OptionalAttribute[];
  /** Whether zeros with the seqid 1 mean the current stateid (RFC 8881 §16.2.3.1.2); else NFS4ERR_BAD_STATEID (§8.2.3). */
  readonly currentStateid: boolean;
  /** Whether READ takes a special stateid, anonymous or bypass (RFC 8881 §8.2.3); else NFS4ERR_BAD_STATEID. */
  readonly anonymousRead: boolean;

  /**
   * Who knows a client, with its sessions, stateids and opens: all mount targets of the file system, the one it came
   * to, or only the connection it came over. Elsewhere its session is NFS4ERR_BADSESSION, its client id
   * NFS4ERR_STALE_CLIENTID, its stateids NFS4ERR_BAD_STATEID, and an EXCHANGE_ID in its name makes another client: it
   * ends nothing, and what the first one has open and locked stays until its lease runs out. The server owner tells
   * the difference (so_major_id, RFC 8881 §2.10.4).
   */
  readonly clientRecords: "file-system" | "mount-target" | "connection";
  /**
   * Whose locks stand in the way of a lock: all of the file system's, or those that were taken through the same mount
   * target. The guide limits the locks of a file "across all instances and users", so Amazon EFS shares them.
   */
  readonly locks: "file-system" | "mount-target";
  /**
   * `revoked`: every COMPOUND is NFS4ERR_ACCESS at its first operation. `revoked-until-reconnect`: those over
   * connections that are open when this is set. Amazon EFS authorizes live connections again and again, and notes
   * when the right to mount is gone (guide, "Logging with CloudTrail": UpdateClientConnection). The status is assumed.
   */
  readonly authorization: "granted" | "revoked" | "revoked-until-reconnect";
  /**
   * Whether whatever would change something is NFS4ERR_ROFS, for COMPOUNDs that begin from then on: the destination of
   * a replication (guide, "File system protection"), or a policy without the right to write. The status is assumed.
   */
  readonly readOnly: boolean;

  /** Opens of one client; one more is NFS4ERR_DQUOT. */
  readonly openFilesPerClient: number;
  /** Byte ranges that one client has locked; one more is NFS4ERR_DQUOT. */
  readonly locksPerClient: number;
  /** Byte ranges of one file that all clients have locked; one more is NFS4ERR_DQUOT, which is assumed. */
  readonly locksPerFile: number;
  /** Names of one file; one more is NFS4ERR_MLINK. */
  readonly linksPerFile: number;
  /** Directories below each other; one more is NFS4ERR_NAMETOOLONG, which is assumed. */
  readonly directoryDepth: number;

  /** Whether names must be UTF-8, or are NFS4ERR_INVAL: a server need not ask for it (RFC 8881 §15.1.7). */
  readonly utf8Names: boolean;
  /** Whether file handles are as long as the protocol allows, 128 bytes. */
  readonly longFileHandles: boolean;
  /** Milliseconds after which a connection is closed, whatever is in flight on it; 0 for never. */
  readonly connectionLifetimeMs: number;
  /** What one connection lets through in a second, both directions together; 0 for no limit. For new connections. */
  readonly connectionBytesPerSecond: number;
  /**
   * Partitions behind the mount target, over which the connections that ask for theirs (RPC program 400123,
   * aws/efs-utils) are spread in turn. Such a connection shares the clients of all others there that asked. 0: the program
   * is not available.
   */
  readonly partitions: number;
  /** What such a connection is told: how many connections one client should have, and from how many bytes a second on. */
  readonly partitionConnections: number;
  readonly scaleUpBytesPerSecond: number;
}

const KIBIBYTE = 1024;

/** Bytes of the longest message that is read at all: long enough that one that is too long can be told so. */
export const MAX_MESSAGE_BYTES = 1024 * KIBIBYTE + 64 * KIBIBYTE;

/** Without SEQUENCE and one more operation, and room for them, nothing can be done in a session. */
const MIN_LIMITS: Readonly<Record<string, number>> = {
  maximumOperations: 2,
  maximumSlots: 1,
  maximumMessageBytes: 4 * KIBIBYTE,
  bytesAtOnce: 1,
};

const MAX_LIMITS: Readonly<Record<string, number>> = {
  maximumMessageBytes: MAX_MESSAGE_BYTES,
  bytesAtOnce: MAX_TRANSFER,
  // Timers of Node.js wait no longer.
  connectionLifetimeMs: 2 ** 31 - 1,
};

/** @throws {RangeError} when a limit is not one that a server can have. */
export function checkDialect(dialect: Dialect): void {
  for (const [name, value] of Object.entries(dialect)) {
    if (typeof value !== "number") continue;
    const [from, to] = [MIN_LIMITS[name] ?? 0, MAX_LIMITS[name] ?? MAX_UINT32];
    if (Number.isInteger(value) && value >= from && value <= to) continue;
    throw new RangeError(`${name} is ${value}: it must be a whole number from ${from} to ${to}`);
  }
}
