/** First contact leaves nothing behind, however it ends; and where it cannot, it says so. */
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Report } from "../../../../packages/nfs-client/src/first-contact/report.ts";
import { summaryOf } from "../../../../packages/nfs-client/src/first-contact/verdicts.ts";
import { contact, startTargets, type TestTargets } from "./servers.ts";

async function expectNothingLeft({ files, state }: TestTargets): Promise<void> {
  expect(await files()).toEqual(["data"]);
  await expect.poll(state).toEqual({ connections: 0, clients: 0 });
}

/** Does something when first contact has come to its nth step. */
function atStep(nth: number, act: () => void): (fraction: number) => void {
  let steps = 0;
  return () => {
    steps += 1;
    if (steps === nth) act();
  };
}

/** Does something, once, when first contact has come to a question. */
function atQuestion(name: string, act: () => void): (fraction: number, step: string) => void {
  let done = false;
  return (_, step) => {
    if (done || !step.startsWith(name)) return;
    done = true;
    act();
  };
}

describe("interrupted", () => {
  test.each(["full", "efs"] as const)("at any step, in the profile %s", async (profile) => {
    const targets = await startTargets(profile);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 110 }), fc.integer({ min: 0, max: 20 }), async (step, delay) => {
        const interruption = new AbortController();
        const interrupt = () => void sleep(delay).then(() => interruption.abort(new Error("interrupted")));
        const options = { signal: interruption.signal, onProgress: atStep(step, interrupt) };
        await expect(contact(targets.addresses, options)).rejects.toThrow(/^Interrupted$|^The operation was aborted$/);
        await expectNothingLeft(targets);
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  test("before it began", async () => {
    const targets = await startTargets("full");
    await expect(contact(targets.addresses, { signal: AbortSignal.abort() })).rejects.toThrow("aborted");
    await expectNothingLeft(targets);
  });
});

describe("where a question cannot be answered", () => {
  test("because opens are refused, the others are, and nothing is left", async () => {
    const targets = await startTargets("full", { openFilesPerClient: 1 });
    const report = await contact(targets.addresses);
    expect(report.exercises).toMatchObject({ failed: expect.stringContaining("NFS4ERR_DQUOT") });
    expect(report.rights).toHaveProperty("found");
    expect(summaryOf(report)).toMatchObject({ unknown: ["the client's COMPOUNDs"], leftBehind: [], verify: true });
    await expectNothingLeft(targets);
  });

  test("because connections are closed again and again, it is asked again", async () => {
    const targets = await startTargets("full", { connectionLifetimeMs: 1500 });
    const { exercises } = await contact(targets.addresses);
    expect(exercises).toHaveProperty("found");
    await expectNothingLeft(targets);
  });

  test("because the file system stalls, it is given up at the deadline, and the next ones are answered", async () => {
    const targets = await startTargets("full");
    const stall = () => {
      for (const server of targets.servers) server.stall(3_000);
    };
    const report = await contact(targets.addresses, { timeout: 500, onProgress: atQuestion("sharing", stall) });
    expect(report.sharing).toEqual({ failed: "The operation was not done within 500 ms" });
    expect(report.rights).toHaveProperty("found");
    expect(report.leftBehind).toEqual([]);
    await expectNothingLeft(targets);
  });
});

describe("what cannot be removed is named", () => {
  test("because the server has gone", async () => {
    const targets = await startTargets("full", {}, 1);
    const stop = () => {
      for (const server of targets.servers) void server.close();
    };
    const { exercises, leftBehind } = await contact(targets.addresses, { onProgress: atQuestion("exercises", stop) });
    expect(exercises).toHaveProperty("failed");
    expect(leftBehind.join("; ")).toMatch(/the directory \/data\/\.first-contact-[0-9a-f]{12}: Cannot connect/);
    expect(await targets.files()).toContainEqual(expect.stringMatching(/^data\/\.first-contact-[0-9a-f]{12}$/));
  });

  test("because the right to connect was revoked", async () => {
    const targets = await startTargets("full", {}, 1);
    const revoke = () => {
      for (const server of targets.servers) server.setDialect({ authorization: "revoked" });
    };
    const { capabilities, leftBehind } = await contact(targets.addresses, {
      onProgress: atQuestion("capabilities", revoke),
    });
    expect(capabilities).toEqual({ failed: "NFS4ERR_ACCESS: permission denied (EXCHANGE_ID)" });
    expect(leftBehind).toEqual([expect.stringMatching(/^the directory \/data\/\.first-contact-.*NFS4ERR_ACCESS/)]);
  });
});

describe("the directories above its own", () => {
  test("are made where they are missing, and go again", async () => {
    const targets = await startTargets("efs");
    const report = await contact(targets.addresses, { path: "/data/a/b/c/d/e/f/g/h/i/j" });
    expect(foundAll(report)).toBe(true);
    await expectNothingLeft(targets);
  });

  test("stay where they were there", async () => {
    const targets = await startTargets("full");
    await contact(targets.addresses, { path: "/" });
    await expectNothingLeft(targets);
  });
});

test("mount targets of two file systems are refused", async () => {
  const [one, other] = [await startTargets("full", {}, 1), await startTargets("full", {}, 1)];
  const contacted = contact([one.addresses[0], other.addresses[0]]);
  await expect(contacted).rejects.toThrow(/does not have the directory that was made at .*: they are not of one file/);
  for (const { files } of [one, other]) expect(await files()).toEqual(["data"]);
});

test("a server that refuses us from the first is an error that says so", async () => {
  const { addresses } = await startTargets("full", { authorization: "revoked" });
  await expect(contact(addresses)).rejects.toThrow(/^NFS4ERR_ACCESS: permission denied \(EXCHANGE_ID\)$/);
});

test("a server that grants too few operations to make a directory is an error that says so", async () => {
  const targets = await startTargets("full", { maximumOperations: 3 });
  await expect(contact(targets.addresses)).rejects.toThrow("Operations in a COMPOUND: 4 needed, 3 granted");
  await expectNothingLeft(targets);
});

function foundAll({ grants, capabilities, reconnects, sharing, fencing, exercises, throughput, rights }: Report) {
  const findings = [grants, capabilities, reconnects, sharing, fencing, exercises, throughput, rights];
  return findings.every((finding) => "found" in finding);
}
