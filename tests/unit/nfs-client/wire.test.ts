import fc from "fast-check";
import {
  type BindAnswer,
  fromBitmap,
  partitionId,
  RecordAssembler,
  readBinding,
  readBitmap,
  recordHeader,
  statusCode,
  statusMeaning,
  statusName,
  toBitmap,
  writeBinding,
  writeBitmap,
  writeConnectionOwner,
  XdrError,
  XdrReader,
  XdrWriter,
} from "nfs-client/wire";
import { describe, expect, test } from "vitest";

describe("XDR", () => {
  test("encodes as RFC 4506 says", () => {
    const bytes = new XdrWriter().uint32(0xdeadbeef).bool(true).uint64(0x1_0000_0002).string("abcde").toBuffer();
    expect(bytes.toString("hex")).toBe(`deadbeef${"00000001"}${"0000000100000002"}${"00000005"}6162636465000000`);
  });

  test("reads back what it wrote, whatever the sizes of the parts", () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.string(), (opaques, number, text) => {
        const writer = new XdrWriter(8);
        const setCount = writer.placeholder();
        for (const opaque of opaques) writer.opaque(opaque);
        writer.opaqueParts(opaques).uint64(number).string(text);
        setCount(opaques.length);
        const expected = writer.length;
        const bytes = writer.toBuffer();
        expect(bytes.length).toBe(expected);
        const reader = new XdrReader(bytes);
        expect(reader.uint32()).toBe(opaques.length);
        for (const opaque of opaques) expect(reader.opaque(40_000)).toEqual(Buffer.from(opaque));
        expect(reader.opaque(1_000_000)).toEqual(Buffer.concat(opaques));
        expect(reader.uint64()).toBe(number);
        expect(reader.string(10_000)).toBe(text);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  test("passes over what nobody needs as if it had been read", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.nat({ max: 40 }),
        fc.nat({ max: 60 }),
        (opaque, maximum, end) => {
          const bytes = new XdrWriter().opaque(opaque).uint32(7).toBuffer().subarray(0, end);
          const outcomeOf = (pass: (reader: XdrReader) => unknown) => {
            const reader = new XdrReader(bytes);
            try {
              pass(reader);
            } catch (error) {
              return String(error);
            }
            return reader.remaining;
          };
          expect(outcomeOf((reader) => reader.skipOpaque(maximum))).toBe(outcomeOf((reader) => reader.opaque(maximum)));
          const { length } = opaque;
          expect(outcomeOf((reader) => reader.skipFixedOpaque(length))).toBe(
            outcomeOf((reader) => reader.fixedOpaque(length)),
          );
        },
      ),
    );
  });

  test("refuses lengths that cannot be", () => {
    const huge = new XdrWriter().uint32(0xffff_ffff).toBuffer();
    expect(() => new XdrReader(huge).opaque(0xffff_ffff)).toThrow(XdrError);
    expect(() => new XdrReader(huge).opaque(100)).toThrow("at most 100");
    expect(() => new XdrReader(huge).count(4)).toThrow(XdrError);
    expect(() => new XdrReader(Buffer.alloc(3)).uint32()).toThrow("ends at byte 3");
    expect(() => new XdrReader(new XdrWriter().uint32(2).toBuffer()).bool()).toThrow(XdrError);
    expect(() => new XdrReader(Buffer.alloc(8, 0xff)).size()).toThrow(XdrError);
  });

  test("numbers and big integers are the same 64 bits", () => {
    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (value) => {
        const bytes = new XdrWriter().uint64(value).toBuffer();
        expect(bytes).toEqual(new XdrWriter().uint64(BigInt(value)).toBuffer());
        expect(new XdrReader(bytes).size()).toBe(value);
      }),
    );
  });
});

describe("bitmaps", () => {
  test("keep their bits, in ascending order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 95 })), (bits) => {
        const writer = new XdrWriter();
        writeBitmap(writer, toBitmap(bits));
        const read = readBitmap(new XdrReader(writer.toBuffer()));
        expect([...fromBitmap(read)]).toEqual(bits.toSorted((a, b) => a - b));
      }),
    );
  });

  test("that no protocol has are refused", () => {
    expect(() => readBitmap(new XdrReader(new XdrWriter().uint32(9).raw(Buffer.alloc(36)).toBuffer()))).toThrow(
      XdrError,
    );
  });
});

describe("the call that asks for a partition of EFS", () => {
  const partition = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => partitionId(Buffer.from(bytes)));
  const message = fc.string({ maxLength: 200 });
  const answer: fc.Arbitrary<BindAnswer> = fc.oneof(
    fc.record({ kind: fc.constantFrom("ready", "preferred"), partition }),
    fc.record({
      kind: fc.constantFrom("retry", "retry-later", "error"),
      message: message.map((text) => text.toWellFormed()),
    }),
  );
  const number = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  const scaling = fc.record({ maximumConnections: number, threshold: number, duration: number, window: number });

  test("reads every answer that it writes", () => {
    fc.assert(
      fc.property(fc.record({ answer, scaling }), (binding) => {
        const writer = new XdrWriter();
        writeBinding(writer, binding);
        expect(readBinding(new XdrReader(writer.toBuffer()))).toEqual(binding);
      }),
    );
  });

  test("names its owner as AWS's proxy does: 16 bytes, and a counter of 8", () => {
    const writer = new XdrWriter();
    writeConnectionOwner(writer, { identifier: Buffer.alloc(16, 0xab), incarnation: 3n });
    expect(writer.toBuffer().toString("hex")).toBe(`00000010${"ab".repeat(16)}000000080000000000000003`);
  });

  test("takes an answer that nobody knows for a refusal", () => {
    const answered = new XdrWriter().uint32(9).uint32(5).uint32(1).uint32(1).uint32(1);
    expect(readBinding(new XdrReader(answered.toBuffer())).answer.kind).toBe("error");
  });
});

describe("record marking", () => {
  const assemble = (maximum: number, chunks: readonly Buffer[]) => {
    const records: Buffer[] = [];
    const assembler = new RecordAssembler(maximum, (record) => records.push(Buffer.from(record)));
    for (const chunk of chunks) assembler.push(chunk);
    return records;
  };

  test("puts records together, however the stream is cut", () => {
    const records = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 });
    fc.assert(
      fc.property(records, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (bodies, cuts) => {
        const stream = Buffer.concat(bodies.flatMap((body) => [recordHeader(body.length), body]));
        const chunks: Buffer[] = [];
        for (let at = 0, index = 0; at < stream.length; index++) {
          const length = cuts[index % cuts.length] ?? 1;
          chunks.push(stream.subarray(at, at + length));
          at += length;
        }
        expect(assemble(1000, chunks)).toEqual(bodies.map((body) => Buffer.from(body)));
      }),
    );
  });

  test("joins fragments", () => {
    const fragment = Buffer.from([0, 0, 0, 2, 1, 2]);
    const last = Buffer.concat([recordHeader(1), Buffer.from([3])]);
    expect(assemble(10, [Buffer.concat([fragment, last])])).toEqual([Buffer.from([1, 2, 3])]);
  });

  test("refuses a record beyond its bound before taking memory for it, and endless fragments", () => {
    expect(() => assemble(1000, [recordHeader(1001)])).toThrow("at most 1000");
    expect(() => assemble(1000, [Buffer.alloc(4 * 5000)])).toThrow("fragments");
  });
});

describe("statuses", () => {
  test("have a name and a meaning", () => {
    expect(statusName(2)).toBe("NFS4ERR_NOENT");
    expect(statusCode("NFS4ERR_DELAY")).toBe(10008);
    expect(statusMeaning("NFS4ERR_NOSPC")).toBe("no space left on the file system");
    expect(statusName(77)).toBeUndefined();
  });
});
