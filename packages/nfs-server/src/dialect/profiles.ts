/** Dialects of servers as a whole. */
import { MAX_TRANSFER } from "../protocol.ts";
import type { Dialect } from "./dialect.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

/** Limits of Amazon EFS by its user guide, "Amazon EFS quotas"; of an NFS client, and of a file system. */
const EFS_QUOTAS = {
  // "Up to 65,536 files open at the same time on the instance"; 32,768 in older editions.
  openFilesPerClient: 65_536,
  // "A total of 65,536 locks per connection"; older editions: 8,192 locks across 256 file and process pairs.
  locksPerClient: 65_536,
  locksPerFile: 512,
  linksPerFile: 177,
  directoryDepth: 1000,
} as const;

/** All of NFSv4.1 that this server has, granted generously, by mount targets that know everything together. */
const full: Dialect = {
  maximumOperations: 64,
  maximumSlots: 64,
  maximumMessageBytes: MEBIBYTE + 16 * KIBIBYTE,
  bytesAtOnce: MAX_TRANSFER,
  unsupportedOperations: [],
  unsupportedAttributes: [],
  currentStateid: true,
  anonymousRead: true,
  clientRecords: "file-system",
  locks: "file-system",
  authorization: "granted",
  readOnly: false,
  ...EFS_QUOTAS,
  utf8Names: false,
  longFileHandles: false,
  connectionLifetimeMs: 0,
  connectionBytesPerSecond: 0,
  partitions: 0,
  partitionConnections: 1,
  scaleUpBytesPerSecond: 0,
};

/**
 * Amazon EFS, as far as it is documented. What NFSv4.1 requires of a server and the documents do not exclude, it has.
 * What the protocol leaves to the server and AWS does not say is taken at its worst.
 */
const efs: Dialect = {
  ...full,
  // What a session is granted is not documented: assumed, just enough for the mount helper's READ and WRITE of 1 MiB.
  maximumOperations: 8,
  maximumSlots: 8,
  maximumMessageBytes: MEBIBYTE + 4 * KIBIBYTE,
  // AWS's own proxy asks which "partition" of the service a connection reached, and connects again until several
  // reached the same one, because NFS state is kept apart by partition (aws/efs-utils, src/proxy/src/connections.rs).
  clientRecords: "connection",
  // The guide has 500 MiB/s for a client without that proxy, and 1,500 MiB/s with it. How many partitions there are is not
  // documented; the other two are what the proxy takes where it is not told (src/proxy/src/controller.rs).
  connectionBytesPerSecond: 500 * MEBIBYTE,
  partitions: 3,
  partitionConnections: 5,
  scaleUpBytesPerSecond: 300 * MEBIBYTE,
  // Not documented: assumed, as the protocol asks for it.
  utf8Names: true,
  // Traces of other clients on EFS (nfs-ganesha issue 613); they also show the lease of 90 seconds.
  longFileHandles: true,
};

/** As {@link efs}, with every refusal at once: what is left is OPEN, READ, WRITE and CLOSE with real stateids. */
const strictest: Dialect = {
  ...efs,
  unsupportedOperations: ["LINK", "NVERIFY", "VERIFY"],
  unsupportedAttributes: ["MAXREAD", "MAXWRITE", "NUMLINKS", "SPACE_USED", "TIME_ACCESS", "TIME_METADATA"],
  currentStateid: false,
  anonymousRead: false,
};

export const PROFILES = { full, efs, strictest } as const satisfies Readonly<Record<string, Dialect>>;

export type Profile = keyof typeof PROFILES;
