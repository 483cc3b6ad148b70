/** The checksums of objects (S3 user guide, "Checking object integrity"). */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { crc32 } from "node:zlib";
import { Crc32c, Crc64Nvme } from "@aws-sdk/checksums/crc";
import { S3Error } from "./errors.ts";

export const ALGORITHM_NAMES = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;

export type ChecksumAlgorithm = (typeof ALGORITHM_NAMES)[number];

interface AlgorithmProperties {
  /** Of a value. */
  readonly bytes: number;
  /** Whether the parts of an upload give that of the whole object by default. */
  readonly isWholeByDefault: boolean;
}

export const CHECKSUM_ALGORITHMS: Readonly<Record<ChecksumAlgorithm, AlgorithmProperties>> = {
  CRC32: { bytes: 4, isWholeByDefault: false },
  CRC32C: { bytes: 4, isWholeByDefault: false },
  CRC64NVME: { bytes: 8, isWholeByDefault: true },
  SHA1: { bytes: 20, isWholeByDefault: false },
  SHA256: { bytes: 32, isWholeByDefault: false },
};

/** Of a whole object, or of the checksums of its parts. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** In base64; composite ones end in `-` and the number of parts. */
  readonly value: string;
  readonly type: ChecksumType;
}

/** What a request says that its body has; without a value, the trailer says it. */
export interface ExpectedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string | undefined;
}

export interface RunningChecksum {
  update(data: Uint8Array): void;
  /** In base64. */
  digest(): Promise<string>;
}

export function runningChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  switch (algorithm) {
    case "CRC32":
      return new RunningCrc32();
    case "CRC32C":
      return inBase64(new Crc32c());
    case "CRC64NVME":
      return inBase64(new Crc64Nvme());
    case "SHA1":
    case "SHA256": {
      const hash = createHash(algorithm);
      return { update: (data) => void hash.update(data), digest: async () => hash.digest("base64") };
    }
  }
}

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

/** @throws {S3Error} InvalidRequest where there is more than one, InvalidDigest where it is malformed. */
export function expectedChecksum(headers: IncomingHttpHeaders): ExpectedChecksum | undefined {
  const given = ALGORITHM_NAMES.flatMap((algorithm): ExpectedChecksum[] => {
    const value = headers[checksumHeader(algorithm)]?.toString();
    return value === undefined ? [] : [{ algorithm, value }];
  });
  const trailer = headers["x-amz-trailer"]?.toString().toLowerCase().split(/ *, */) ?? [];
  const announced = ALGORITHM_NAMES.filter((algorithm) => trailer.includes(checksumHeader(algorithm)));
  const expected = [...given, ...announced.map((algorithm) => ({ algorithm, value: undefined }))];
  if (expected.length > 1) throw new S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header");
  const [only] = expected;
  if (only?.value !== undefined) requireForm(only.algorithm, only.value);
  return only;
}

/** @throws {S3Error} InvalidRequest */
export function requireForm(algorithm: ChecksumAlgorithm, value: string): void {
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(value);
  if (isBase64 && Buffer.from(value, "base64").length === CHECKSUM_ALGORITHMS[algorithm].bytes) return;
  throw new S3Error("InvalidRequest", `Value for ${checksumHeader(algorithm)} header is invalid.`);
}

/** The algorithm of that name, in any case. */
export function algorithmNamed(name: string): ChecksumAlgorithm | undefined {
  return ALGORITHM_NAMES.find((each) => each === name.toUpperCase());
}

/** The checksum of the checksums of an object's parts. */
export async function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly string[]): Promise<Checksum> {
  const running = runningChecksum(algorithm);
  for (const part of parts) running.update(Buffer.from(part, "base64"));
  return { algorithm, value: `${await running.digest()}-${parts.length}`, type: "COMPOSITE" };
}

/** Node's own is native. */
class RunningCrc32 implements RunningChecksum {
  #value = 0;

  update(data: Uint8Array): void {
    this.#value = crc32(data, this.#value);
  }

  async digest(): Promise<string> {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#value);
    return bytes.toString("base64");
  }
}

function inBase64(checksum: { update(data: Uint8Array): void; digest(): Promise<Uint8Array> }): RunningChecksum {
  return {
    update: (data) => checksum.update(data),
    digest: async () => Buffer.from(await checksum.digest()).toString("base64"),
  };
}
