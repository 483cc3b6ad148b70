import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCompound } from "../../fargate-app/src/nfs/compound.ts";
import { NfsError } from "../../fargate-app/src/nfs/index.ts";
import { getAttributes, getServerLimits } from "../../fargate-app/src/nfs/operations/attributes.ts";
import { read, write } from "../../fargate-app/src/nfs/operations/data.ts";
import { getFileHandle } from "../../fargate-app/src/nfs/operations/handles.ts";
import { lockFile } from "../../fargate-app/src/nfs/operations/lock.ts";
import { createDirectory, DIRECTORY_START, readDirectory, rename } from "../../fargate-app/src/nfs/operations/names.ts";
import { close, openByName } from "../../fargate-app/src/nfs/operations/open.ts";
import { createSession, exchangeId, sequence } from "../../fargate-app/src/nfs/operations/session.ts";
import { AcceptStatus, MessageType, ReplyStatus } from "../../fargate-app/src/nfs/wire/rpc.ts";
import { ANONYMOUS_STATEID } from "../../fargate-app/src/nfs/wire/stateid.ts";
import { XdrReader, XdrWriter } from "../../fargate-app/src/nfs/wire/xdr.ts";

const owner = { clientId: 1n, name: "owner" };
const channel = {
  maximumRequestSize: 1,
  maximumResponseSize: 1,
  maximumCachedResponseSize: 1,
  maximumOperations: 1,
  maximumRequests: 1,
};

/** One of each operation whose result has a structure. */
const OPERATIONS = [
  sequence({ sessionId: Buffer.alloc(16), sequenceId: 1, slotId: 0, highestSlotId: 0, cacheThis: false }),
  getAttributes(),
  getServerLimits(),
  read(ANONYMOUS_STATEID, { offset: 0, length: 100 }),
  write(ANONYMOUS_STATEID, { offset: 0, data: [], durable: true }),
  getFileHandle(),
  lockFile(ANONYMOUS_STATEID, owner),
  createDirectory("name", 0o755),
  readDirectory(DIRECTORY_START, 1000),
  rename("from", "to"),
  openByName({ owner, access: "read", name: "name" }),
  close(ANONYMOUS_STATEID),
  exchangeId({ name: "client", verifier: Buffer.alloc(8) }),
  createSession({ clientId: 1n, sequenceId: 1 }, channel),
];

/** Words as a server might send them: mostly small numbers, so that lengths, counts and flags are often plausible. */
const words = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.nat({ max: 3 }) },
    { weight: 2, arbitrary: fc.nat({ max: 64 }) },
    { weight: 1, arbitrary: fc.nat({ max: 0xffff_ffff }) },
  ),
  { maxLength: 60 },
);

test("whatever a server answers, decoding it gives results or a typed error, and little memory", () => {
  let decoded = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...OPERATIONS), words, (operation, body) => {
      const writer = new XdrWriter();
      writer.uint32(MessageType.REPLY).uint32(ReplyStatus.ACCEPTED).uint32(0).uint32(0).uint32(AcceptStatus.SUCCESS);
      writer.uint32(0).string("").uint32(1).uint32(operation.code).uint32(0);
      for (const word of body) writer.uint32(word);
      try {
        decodeCompound(new XdrReader(writer.toBuffer()), [operation]).of(operation);
        decoded += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(NfsError);
        refused += 1;
      }
    }),
    { numRuns: 20_000 },
  );
  expect(decoded).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});

test("bytes that are no reply at all are refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(() => decodeCompound(new XdrReader(Buffer.from(bytes)), OPERATIONS).orThrow()).toThrow(NfsError);
    }),
    { numRuns: 5000 },
  );
});
