/** The parts that an object was uploaded in, as they are read. */
import type { Checksum } from "../checksums.ts";
import { S3Error } from "../errors.ts";
import { type StoredObject, sizeOfObject } from "./stored-object.ts";

export interface ObjectPart {
  /** That of the upload: there may be gaps. */
  readonly number: number;
  /** Bytes from the object's beginning. */
  readonly start: number;
  /** Bytes. */
  readonly length: number;
  readonly checksum: Checksum | undefined;
}

/** One that was not uploaded in parts has one: the whole. */
export function partsOf(object: StoredObject): ObjectPart[] {
  const { parts, checksum } = object.description ?? {};
  if (parts === undefined) return [{ number: 1, start: 0, length: sizeOfObject(object), checksum }];
  let end = 0;
  return parts.sizes.map((length, index) => {
    const start = end;
    end += length;
    const value = parts.checksums?.[index];
    return {
      number: parts.numbers?.[index] ?? index + 1,
      start,
      length,
      checksum: checksum === undefined || value === undefined ? undefined : { ...checksum, value },
    };
  });
}

/** @throws {S3Error} InvalidPartNumber */
export function partOf(object: StoredObject, number: number): ObjectPart {
  const part = partsOf(object).find((each) => each.number === number);
  if (part === undefined) throw new S3Error("InvalidPartNumber");
  return part;
}
