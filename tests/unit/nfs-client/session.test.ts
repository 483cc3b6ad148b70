import { Attribute, Op, XdrReader, XdrWriter } from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { establishSession, newOwner, type Send } from "../../../packages/nfs-client/src/session/session.ts";
import { CompoundReply, type Operations } from "../../../packages/nfs-client/src/wire/compound.ts";

const CHANNEL = {
  maximumRequestSize: 1 << 20,
  maximumResponseSize: 1 << 20,
  maximumCachedResponseSize: 8192,
  maximumOperations: 64,
  maximumRequests: 64,
};

/** A server that knows the client of the first verifier it sees, and tells nothing of its sequence. */
function serverThatKnowsTheClient() {
  const verifiers: string[] = [];
  const created: { clientId: bigint; sequenceId: number }[] = [];
  const results: Record<number, (args: XdrReader) => unknown> = {
    [Op.EXCHANGE_ID]: (args) => {
      verifiers.push(args.fixedOpaque(8).toString("hex"));
      const confirmed = new Set(verifiers).size === 1;
      return { clientId: confirmed ? 7n : 8n, sequenceId: confirmed ? 0 : 1, confirmed };
    },
    [Op.CREATE_SESSION]: (args) => {
      created.push({ clientId: args.uint64(), sequenceId: args.uint32() });
      return { sessionId: Buffer.alloc(16), foreChannel: CHANNEL };
    },
    [Op.GETATTR]: () => ({
      maximumRead: 1 << 20,
      maximumWrite: 1 << 20,
      leaseTime: 60,
      supported: [Attribute.TYPE, Attribute.CHANGE, Attribute.SIZE, Attribute.FILEID],
    }),
  };
  const send: Send = async (operations: Operations) => {
    const answers = operations.map(({ code, encode }) => {
      const args = new XdrWriter();
      encode(args);
      return results[code]?.(new XdrReader(args.toBuffer()));
    });
    return new CompoundReply(operations, answers, undefined);
  };
  return { send, verifiers, created };
}

describe("another session of a client that the server knows", () => {
  test("goes on in the client's own sequence", async () => {
    const { send, created } = serverThatKnowsTheClient();
    const { identity } = await establishSession(send, newOwner("client"), 64, { clientId: 7n, sequenceId: 5 });
    expect(created).toEqual([{ clientId: 7n, sequenceId: 5 }]);
    expect(identity).toEqual({ clientId: 7n, sequenceId: 6 });
  });

  test("is that of another incarnation, where the sequence is not known", async () => {
    const { send, created, verifiers } = serverThatKnowsTheClient();
    const { identity } = await establishSession(send, newOwner("client"), 64);
    expect(new Set(verifiers).size).toBe(2);
    expect(created).toEqual([{ clientId: 8n, sequenceId: 1 }]);
    expect(identity).toEqual({ clientId: 8n, sequenceId: 2 });
  });
});
