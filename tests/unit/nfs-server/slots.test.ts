import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fingerprintOf, Slot } from "../../../packages/nfs-server/src/state/slots.ts";

const request = (text: string, principal = "0@client") => fingerprintOf(Buffer.from(text), principal);

/** What a client that may be wrong in every way does with one slot. */
const step = fc.record({
  sequence: fc.constantFrom("next", "same", "older", "skipping"),
  content: fc.constantFrom("rename a b", "rename b a", "remove a"),
  finish: fc.boolean(),
  keep: fc.boolean(),
});

describe("a slot of a session", () => {
  test("runs every request once, whatever is sent again, out of order or changed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const slot = new Slot();
        let sequence = 0;
        let current: { content: string; reply: Buffer | undefined; inFlight: boolean } | undefined;
        for (const { sequence: choice, content, finish, keep } of steps) {
          const sent = sequence + { next: 1, same: 0, older: -1, skipping: 2 }[choice];
          const begin = () => slot.begin(sent >>> 0, request(content));
          if (choice === "next" && !current?.inFlight) {
            expect(begin()).toEqual({ kind: "new" });
            sequence = sent;
            current = { content, reply: undefined, inFlight: true };
          } else if (choice === "same" && current?.inFlight) {
            expect(begin).toThrow("NFS4ERR_DELAY");
          } else if (choice === "same" && current !== undefined) {
            if (content === current.content) expect(begin()).toEqual({ kind: "retry", reply: current.reply });
            else expect(begin).toThrow("NFS4ERR_SEQ_FALSE_RETRY");
          } else {
            expect(begin).toThrow("NFS4ERR_SEQ_MISORDERED");
          }
          if (finish && current?.inFlight) {
            const reply = keep ? Buffer.from(`reply ${sequence}`) : undefined;
            slot.end(reply);
            current = { content: current.content, reply, inFlight: false };
          }
        }
      }),
    );
  });

  test("does not take another principal's request for a retry", () => {
    const slot = new Slot();
    slot.begin(1, request("x", "0@client"));
    slot.end(Buffer.from("reply"));
    expect(() => slot.begin(1, request("x", "500@client"))).toThrow("NFS4ERR_SEQ_FALSE_RETRY");
  });
});
