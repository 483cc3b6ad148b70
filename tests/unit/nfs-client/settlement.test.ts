import fc from "fast-check";
import { type StatusName, statusCode } from "nfs-client/wire";
import { describe, expect, test } from "vitest";
import { settlementOf } from "../../../packages/nfs-client/src/session/manager.ts";
import { CompoundReply } from "../../../packages/nfs-client/src/wire/compound.ts";
import { sequence } from "../../../packages/nfs-client/src/wire/operations/sessions.ts";
import { fingerprintOf, Slot } from "../../../packages/nfs-server/src/state/slots.ts";
import { statusOf } from "../../../packages/nfs-server/src/status-error.ts";

const SEQUENCE = sequence({
  sessionId: Buffer.alloc(16),
  sequenceId: 1,
  slotId: 0,
  highestSlotId: 0,
  cacheThis: false,
});

/** Statuses with which a server refuses a SEQUENCE, whatever is in its slot (RFC 8881 §15.2). */
const REFUSALS = [
  "NFS4ERR_BADSESSION",
  "NFS4ERR_BADSLOT",
  "NFS4ERR_BADXDR",
  "NFS4ERR_BAD_HIGH_SLOT",
  "NFS4ERR_CONN_NOT_BOUND_TO_SESSION",
  "NFS4ERR_DEADSESSION",
  "NFS4ERR_DELAY",
  "NFS4ERR_REP_TOO_BIG",
  "NFS4ERR_REQ_TOO_BIG",
  "NFS4ERR_TOO_MANY_OPS",
  "NFS4ERR_SERVERFAULT",
] as const satisfies readonly StatusName[];

const fingerprint = (request: string) => fingerprintOf(Buffer.from(request), "client");

function replyOf(status: StatusName): CompoundReply {
  const operations = [SEQUENCE];
  if (status === "NFS4_OK") return new CompoundReply(operations, [{}], undefined);
  return new CompoundReply(operations, [], { index: 0, operation: SEQUENCE, code: statusCode(status) });
}

/** What a server answers to a lone SEQUENCE with the sequence id of a request that may have been lost. */
function settle(slot: Slot): StatusName {
  try {
    if (slot.begin(1, fingerprint("a lone SEQUENCE")).kind === "new") slot.end(undefined);
    return "NFS4_OK";
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    return status;
  }
}

describe("settling a slot whose last request has no reply", () => {
  test("leaves client and server with the same next sequence id, whatever had become of the request", () => {
    const arrival = fc.constantFrom("lost", "in flight", "executed" as const);
    const refusal = fc.option(fc.constantFrom(...REFUSALS), { nil: undefined });
    fc.assert(
      fc.property(arrival, refusal, fc.boolean(), (arrival, refusal, sameRequest) => {
        const slot = new Slot();
        const lost = sameRequest ? "a lone SEQUENCE" : "a request";
        if (arrival !== "lost") slot.begin(1, fingerprint(lost));
        if (arrival === "executed") slot.end(Buffer.from("reply"));

        const settlement = settlementOf(replyOf(refusal ?? settle(slot)));

        if (settlement === "settled") expect(slot.begin(2, fingerprint("the next one")).kind).toBe("new");
        // A refusal leaves the slot as it was, so the client knows no more than before.
        if (refusal !== undefined) expect(settlement).not.toBe("settled");
        else expect(settlement).toBe(arrival === "in flight" && sameRequest ? "in-flight" : settlement);
        if (refusal === undefined && arrival !== "in flight") expect(settlement).toBe("settled");
      }),
    );
  });
});
