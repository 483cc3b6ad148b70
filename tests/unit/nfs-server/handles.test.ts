import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeHandle,
  encodeHandle,
  padHandle,
  trimHandle,
} from "../../../packages/nfs-server/src/file-system/handles.ts";

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const identity = fc.record({ device: uint64, number: uint64, birth: uint64 });
const name = fc
  .string({ minLength: 1, maxLength: 30, unit: "binary" })
  .filter((text) => !/[/\0]|^\.\.?$/.test(text) && text === Buffer.from(text).toString());
const path = fc.array(name, { maxLength: 6 }).map((names) => names.join("/"));

describe("file handles", () => {
  test("say which object they are of, and where it was when the path is short enough", () => {
    fc.assert(
      fc.property(identity, path, (object, where) => {
        const handle = encodeHandle(object, where);
        expect(handle.length).toBeLessThanOrEqual(128);
        const decoded = decodeHandle(handle);
        expect(decoded.identity).toEqual(object);
        expect(decoded.path).toBe(Buffer.byteLength(where) <= 103 ? where : undefined);
      }),
    );
  });

  test("are the same again after they were sent, long or short", () => {
    fc.assert(
      fc.property(identity, path, fc.boolean(), (object, where, longFileHandles) => {
        const handle = encodeHandle(object, where);
        const sent = padHandle(handle, { longFileHandles });
        expect(sent).toHaveLength(longFileHandles ? 128 : handle.length);
        expect(trimHandle(sent)).toEqual(handle);
      }),
    );
  });

  test("that nobody made are refused, above all those that would lead out of the directory", () => {
    const object = { device: 1n, number: 2n, birth: 3n };
    for (const path of ["..", "a/../..", "/etc/passwd", "a//b", ".", "a/", "a\0b"]) {
      expect(() => decodeHandle(encodeHandle(object, path))).toThrow("NFS4ERR_BADHANDLE");
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => {
        try {
          const { path: where } = decodeHandle(Buffer.from(bytes));
          expect(where?.split("/") ?? []).not.toContain("..");
        } catch (error) {
          expect(error).toMatchObject({ status: "NFS4ERR_BADHANDLE" });
        }
      }),
    );
  });
});
