/**
 * What Amazon EFS meters for a COMPOUND with elastic throughput.
 *
 * "Metadata operations are metered in 1 KiB increments after the first 4 KiB. Data operations are metered in 1 KiB
 * increments after the first 32 KiB." Metadata reads are billed as reads, and metadata writes as writes.
 * (https://docs.aws.amazon.com/efs/latest/ug/metered-sizes.html, "Metering Elastic throughput")
 *
 * It is not documented what is one operation where a COMPOUND has several. So there are two bounds: the whole COMPOUND
 * is one operation, or each of its operations is one.
 */

export const METERED_KINDS = ["data-read", "data-write", "metadata-read", "metadata-write"] as const;

export type MeteredKind = (typeof METERED_KINDS)[number];

/** Bytes that are metered, of each kind. */
export type Metered = Readonly<Record<MeteredKind, number>>;

export interface MeteredBounds {
  /** The COMPOUND is one operation. */
  readonly lower: Metered;
  /** Each operation in it is one. */
  readonly upper: Metered;
}

export interface Compound {
  /** Names of the operations, for example `["SEQUENCE", "PUTROOTFH", "LOOKUP", "GETATTR", "READ"]`. */
  readonly operations: readonly string[];
  /** Bytes of the request and of the reply. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

const KIBIBYTE = 1_024;
const DATA_MINIMUM = 32 * KIBIBYTE;
const METADATA_MINIMUM = 4 * KIBIBYTE;

export const NOTHING: Metered = { "data-read": 0, "data-write": 0, "metadata-read": 0, "metadata-write": 0 };

/** Bytes of a request or a reply besides its data: headers, names and attributes take less. */
const MAX_OVERHEAD = KIBIBYTE;

interface Kinds {
  /** As which it is metered at least and at most. */
  readonly lower: MeteredKind;
  readonly upper: MeteredKind;
}

/** Those that are not here only choose a file handle or keep the session: they touch no file. */
const KINDS: ReadonlyMap<string, Kinds> = new Map([
  ...kindsOf(["READ"], "data-read"),
  ...kindsOf(["WRITE"], "data-write"),
  ...kindsOf(["ACCESS", "GETATTR", "LOOKUP", "LOOKUPP", "NVERIFY", "READDIR", "READLINK", "VERIFY"], "metadata-read"),
  ...kindsOf(["CREATE", "LINK", "REMOVE", "RENAME", "SETATTR"], "metadata-write"),
  // They change the state of opens and locks, and perhaps a file.
  ...kindsOf(["CLOSE", "COMMIT", "LOCK", "LOCKT", "LOCKU", "OPEN"], "metadata-read", "metadata-write"),
]);

function kindsOf(names: readonly string[], lower: MeteredKind, upper = lower): [string, Kinds][] {
  return names.map((name) => [name, { lower, upper }]);
}

/** What one operation of a kind counts for that moves so many bytes. */
export function meteredBytes(kind: MeteredKind, bytes: number): number {
  const minimum = kind === "data-read" || kind === "data-write" ? DATA_MINIMUM : METADATA_MINIMUM;
  return Math.max(minimum, Math.ceil(bytes / KIBIBYTE) * KIBIBYTE);
}

/** What a COMPOUND is metered as, at least and at most. Its bytes count as those of its heaviest operations. */
export function meterCompound({ operations, bytesSent, bytesReceived }: Compound): MeteredBounds {
  const kinds = operations.flatMap((name) => KINDS.get(name) ?? []);
  const lower = { ...NOTHING };
  const upper = { ...NOTHING };
  const heaviest = heaviestOf(WRITES_FIRST, kinds);
  if (heaviest !== undefined) {
    const bytes = isWrite(heaviest) ? bytesSent : bytesReceived;
    lower[heaviest] = meteredBytes(heaviest, bytes - MAX_OVERHEAD);
  }
  for (const kind of kinds) upper[kind.upper] += meteredBytes(kind.upper, 0);
  for (const [order, bytes] of [
    [WRITES, bytesSent],
    [READS, bytesReceived],
  ] as const) {
    const kind = heaviestOf(order, kinds);
    if (kind !== undefined) upper[kind] += meteredBytes(kind, bytes) - meteredBytes(kind, 0);
  }
  return { lower, upper };
}

const WRITES: readonly MeteredKind[] = ["data-write", "metadata-write"];
const READS: readonly MeteredKind[] = ["data-read", "metadata-read"];
const WRITES_FIRST: readonly MeteredKind[] = ["data-write", "data-read", "metadata-write", "metadata-read"];

function heaviestOf(order: readonly MeteredKind[], kinds: readonly Kinds[]): MeteredKind | undefined {
  return order.find((kind) => kinds.some(({ lower }) => lower === kind));
}

function isWrite(kind: MeteredKind): boolean {
  return WRITES.includes(kind);
}
