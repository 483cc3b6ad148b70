/** Keys as paths, and which keys of S3 a file system cannot hold. */
import { type FilePath, filePath, MAX_NAME_BYTES, PathError } from "@efs-mount-autoscaling/routed-files";
import { nameLength } from "nfs-client";
import { S3Error } from "./errors.ts";

/** Bytes (S3 user guide, "Naming Amazon S3 objects"). */
const MAX_KEY_BYTES = 1_024;

/** S3 user guide, "General purpose bucket naming rules". */
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Where an object is: a key that ends in `/` is a directory. */
export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
  readonly kind: "file" | "directory";
  readonly path: FilePath;
}

export function isBucketName(name: string): boolean {
  return BUCKET_NAME.test(name) && !name.includes("..");
}

/** @throws {S3Error} InvalidBucketName */
export function bucketPath(bucket: string): FilePath {
  if (!isBucketName(bucket)) throw new S3Error("InvalidBucketName");
  return filePath(bucket);
}

/** @throws {S3Error} InvalidBucketName, KeyTooLongError, and InvalidArgument for what no file can be named. */
export function placeOf(bucket: string, key: string): ObjectPlace {
  const root = bucketPath(bucket);
  if (nameLength(key) > MAX_KEY_BYTES) throw new S3Error("KeyTooLongError");
  const kind = key.endsWith("/") ? "directory" : "file";
  const names = (kind === "directory" ? key.slice(0, -1) : key).split("/");
  for (const name of names) {
    if (name === "" || name === "." || name === "..") {
      throw new S3Error("InvalidArgument", `A key with the part ${JSON.stringify(name)} cannot be the path of a file`);
    }
    if (nameLength(name) > MAX_NAME_BYTES) {
      throw new S3Error("KeyTooLongError", `A part of a key has at most ${MAX_NAME_BYTES} bytes`);
    }
  }
  return { bucket, key, kind, path: filePath(`${root}/${names.join("/")}`) };
}

/** As {@link placeOf}; undefined for keys that no object can have. */
export function placeOfExisting(bucket: string, key: string): ObjectPlace | undefined {
  try {
    return placeOf(bucket, key);
  } catch (error) {
    if (error instanceof PathError) return undefined;
    if (error instanceof S3Error && error.code === "InvalidArgument") return undefined;
    throw error;
  }
}

/** The directories above an object, from the innermost up to the bucket, without it. */
export function directoriesAbove({ bucket, path }: ObjectPlace): FilePath[] {
  const names = path.split("/").slice(0, -1);
  const depths = Array.from({ length: Math.max(0, names.length - 1) }, (_, index) => names.length - index);
  return depths.map((depth) => filePath(names.slice(0, depth).join("/"))).filter((directory) => directory !== bucket);
}

/** Compares keys by the bytes of their UTF-8, which is the order of listings: that of UTF-16 differs above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const [unitA, unitB] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (unitA !== unitB) return inOrderOfCodePoints(unitA) - inOrderOfCodePoints(unitB);
  }
  return a.length - b.length;
}

/** Halves of surrogate pairs are parts of the code points from U+10000 on: they come last. */
function inOrderOfCodePoints(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
