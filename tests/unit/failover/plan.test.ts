/** What an operator is told, and what a command does, in the states that a night can lead to. */
import type { RegionRole } from "@efs-mount-autoscaling/mount-table";
import { describe, expect, test } from "vitest";
import { adviceOn } from "../../../failover/advice.ts";
import type { Observation, RegionView, ReplicationView } from "../../../failover/observation.ts";
import { type Command, DEFAULT_LIMITS, nextStep } from "../../../failover/plan.ts";
import { primaryRole, standbyRole } from "../../support/region.ts";

const LIMITS = { ...DEFAULT_LIMITS, lease: 120_000 };
const SYNCED = "2026-11-29T03:00:00.000Z";

const FROM_TOKYO: ReplicationView = {
  ...{ source: "home", destination: "standby", status: "enabled" },
  replicatedUntil: Date.parse(SYNCED),
};
const FROM_OSAKA: ReplicationView = { ...FROM_TOKYO, source: "standby", destination: "home" };

const tokyo = (role: RegionRole | undefined, view: Partial<RegionView> = {}) => region("ap-northeast-1", role, view);
const osaka = (role: RegionRole | undefined, view: Partial<RegionView> = {}) => region("ap-northeast-3", role, view);

function region(name: string, role: RegionRole | undefined, view: Partial<RegionView>): RegionView {
  return {
    ...{ name, reachable: true, routersAnswer: true, role, roleModifiedAt: Date.parse(SYNCED), roleAge: 0 },
    ...{ fileSystem: "writable", fenced: false, replication: undefined, replicationAge: 0 },
    ...view,
  };
}

const LOST: Partial<RegionView> = { reachable: false, problem: "connect ETIMEDOUT", routersAnswer: false };
const TAKEOVER = [{ epoch: 2, replicated_until: SYNCED }];
const osakaRole = (changes: Partial<RegionRole>) => ({ ...primaryRole(changes), region: "ap-northeast-3" });

const PAIR = {
  now: Date.parse(SYNCED),
  home: tokyo(primaryRole(), { replication: FROM_TOKYO }),
  standby: osaka(standbyRole(), { replication: FROM_TOKYO, fileSystem: "replica" }),
} satisfies Observation;

const TOKYO_LOST = { ...PAIR, home: tokyo(undefined, LOST) };
const OSAKA_LOST = { ...PAIR, standby: osaka(undefined, LOST) };
const DECLARED = { ...TOKYO_LOST, standby: osaka(standbyRole({ epoch: 2, takeovers: TAKEOVER })) };
const PROMOTED = { ...TOKYO_LOST, standby: osaka(osakaRole({ epoch: 2, takeovers: TAKEOVER, alone: true })) };
const TOKYO_BACK = { ...PROMOTED, home: tokyo(primaryRole({ alone: true })) };
const FROZEN = {
  ...PAIR,
  home: tokyo(standbyRole({ epoch: 2 }), { replication: FROM_OSAKA }),
  standby: osaka(osakaRole({ epoch: 2, role: "frozen", refused_writes: 7 }), { replication: FROM_OSAKA }),
};
const LOST_WHILE_FROZEN = { ...FROZEN, home: tokyo(undefined, LOST) };
const HANDED_OVER = { ...FROZEN, home: tokyo(standbyRole({ epoch: 3 }), { replication: FROM_OSAKA }) };

const promote: Command = { name: "promote", side: "standby", otherIsLost: false };
const failback: Command = { name: "failback", side: "home", otherIsLost: false };
const standbyIsLost: Command = { name: "standby-is-lost", side: "home", otherIsLost: false };

test.each<[string, Observation, string]>([
  ["a pair", PAIR, "nothing to do"],
  ["the primary is lost", TOKYO_LOST, "promote, if ap-northeast-1 is lost"],
  ["the standby is lost", OSAKA_LOST, "standby-is-lost, if ap-northeast-3 is lost and ap-northeast-1 takes no writes"],
  [
    "the primary goes on alone",
    { ...OSAKA_LOST, home: tokyo(primaryRole({ alone: true })) },
    "failback, when ap-northeast-3 is",
  ],
  [
    "a takeover is not over",
    DECLARED,
    "run promote again, with the same options: ap-northeast-3 is declared the primary",
  ],
  ["a takeover is over", PROMOTED, "failback, when ap-northeast-1 is there again"],
  ["the old primary is back", TOKYO_BACK, "failback, once you have saved what only ap-northeast-1 has"],
  ["writes are frozen", FROZEN, "run failback again: ap-northeast-3 takes no writes until then"],
  [
    "the other region is lost meanwhile",
    LOST_WHILE_FROZEN,
    "promote, if ap-northeast-1 is lost: ap-northeast-3 takes writes again",
  ],
  ["a planned change is not over", HANDED_OVER, "run failback again: ap-northeast-1 is declared the primary"],
  ["and the writer is lost", { ...HANDED_OVER, standby: osaka(undefined, LOST) }, "run promote --region home again"],
  ["both are lost", { ...TOKYO_LOST, standby: osaka(undefined, LOST) }, "check your own network and credentials"],
  [
    "the replica is not complete",
    { ...TOKYO_LOST, standby: osaka(standbyRole({ alone: true })) },
    "wait for ap-northeast-1, or restore",
  ],
  [
    "nobody was ever the primary",
    { ...PAIR, home: tokyo(standbyRole({ epoch: 0 })), standby: osaka(standbyRole({ epoch: 0 })) },
    "give one stack the role primary",
  ],
  ["a region has no role", { ...PAIR, home: tokyo(undefined) }, "ap-northeast-1 has no role"],
])("status says what is next where %s", (_case, seen, advice) => {
  expect(adviceOn(seen)).toContain(advice);
});

describe("a takeover", () => {
  test("says what it has lost, also when it is over", () => {
    const lost = `What was written in ap-northeast-1 after ${SYNCED} is lost`;
    expect(nextStep(promote, TOKYO_LOST, LIMITS).say).toContain(lost);
    const again = nextStep(promote, PROMOTED, LIMITS);
    expect(again).toMatchObject({ kind: "done", primary: "standby" });
    expect(again.say).toContain(lost);
    expect(
      nextStep(failback, { ...PAIR, home: tokyo(primaryRole({ epoch: 3, takeovers: TAKEOVER })) }, LIMITS).say,
    ).not.toContain("lost");
  });

  test("of a region that was the writer itself says that it has everything", () => {
    const { say } = nextStep(promote, LOST_WHILE_FROZEN, LIMITS);
    expect(say).toContain("with all that was written in ap-northeast-3");
    expect(nextStep(failback, LOST_WHILE_FROZEN, LIMITS).say).toMatch(
      /^The APIs of ap-northeast-1 do not answer: connect ETIMEDOUT\. Next: promote,/,
    );
    expect(nextStep(standbyIsLost, LOST_WHILE_FROZEN, LIMITS).say).toContain("Next: promote,");
  });

  test("waits for the lease from when the role was written, not from when a run began", () => {
    const aged = (roleAge: number) => ({ ...DECLARED, standby: { ...DECLARED.standby, roleAge } });
    const peer = { ...standbyRole().peer, parameter_name: "region" };
    const declared = (roleAge: number) => {
      const seen = aged(roleAge);
      return { ...seen, standby: { ...seen.standby, role: { ...DECLARED.standby.role, peer } as RegionRole } };
    };
    expect(nextStep(promote, declared(LIMITS.lease + LIMITS.margin - 1), LIMITS).kind).toBe("wait");
    expect(nextStep(promote, declared(LIMITS.lease + LIMITS.margin), LIMITS)).toMatchObject({
      action: { kind: "write-role", role: { role: "primary", epoch: 2 } },
    });
  });
});

test("what is left of an older pair is not promoted: its primary may take writes without asking", () => {
  const left = osaka(standbyRole({ alone: true }), { replication: FROM_TOKYO, fileSystem: "replica" });
  expect(nextStep({ ...promote, otherIsLost: true }, { ...TOKYO_LOST, standby: left }, LIMITS)).toMatchObject({
    kind: "refuse",
    say: expect.stringContaining("its first sync is not over"),
  });
});

describe("standby-is-lost", () => {
  test("is refused while the standby is there, unless the operator insists", () => {
    expect(nextStep(standbyIsLost, PAIR, LIMITS)).toMatchObject({
      kind: "refuse",
      say: expect.stringMatching(/^The APIs of ap-northeast-3 still answer: .*--insist/),
    });
    const onlyRouters = { ...PAIR, standby: osaka(undefined, { ...LOST, routersAnswer: true }) };
    expect(nextStep(standbyIsLost, onlyRouters, LIMITS).say).toContain("The routers in ap-northeast-3 still answer");
    const alone = { action: { kind: "write-role", side: "home", role: { role: "primary", alone: true } } };
    expect(nextStep({ ...standbyIsLost, otherIsLost: true }, PAIR, LIMITS)).toMatchObject(alone);
    expect(nextStep(standbyIsLost, OSAKA_LOST, LIMITS)).toMatchObject(alone);
  });

  test("does not say that there is no standby where the replication goes on", () => {
    const { say } = nextStep(
      standbyIsLost,
      { ...PAIR, home: tokyo(primaryRole({ alone: true }), { replication: FROM_TOKYO }) },
      LIMITS,
    );
    expect(say).toContain("It is still replicated to ap-northeast-3, which nobody may promote before failback");
  });
});

test("how many writes were refused before a freeze is forgotten when the change is over", () => {
  const unfrozen = nextStep(promote, FROZEN, LIMITS);
  expect(unfrozen).toMatchObject({ action: { role: { role: "primary" } } });
  expect(JSON.stringify(unfrozen)).not.toContain("refused_writes");
  const alone = osaka(standbyRole({ epoch: 3, alone: true, refused_writes: 7 }), {
    replication: FROM_TOKYO,
    fileSystem: "replica",
  });
  const home = tokyo(primaryRole({ epoch: 3 }), { replication: FROM_TOKYO });
  const noted = nextStep(failback, { ...PAIR, home, standby: alone }, LIMITS);
  expect(noted).toMatchObject({ say: "Note that ap-northeast-3 is a replica" });
  expect(JSON.stringify(noted)).not.toContain("refused_writes");
});

describe("a replication that a takeover has to end", () => {
  const OVER = LIMITS.lease + LIMITS.margin + 1;
  const STUCK = LIMITS.deletionTimeout / 2 + 1;
  const HOME_HALF = tokyo(standbyRole({ epoch: 2 }), { replication: FROM_TOKYO });
  const NO_HALF = tokyo(standbyRole({ epoch: 2 }));
  const LOST_HOME = tokyo(undefined, LOST);
  const EVERYWHERE = { kind: "act", action: { kind: "delete-replication", side: "standby", where: "everywhere" } };
  const HERE = { kind: "act", action: { kind: "delete-replication", side: "standby", where: "here" } };

  const step = (
    home: RegionView,
    status: ReplicationView["status"],
    ages: Pick<RegionView, "roleAge" | "replicationAge">,
  ) => {
    const view = { replication: { ...FROM_TOKYO, status }, fileSystem: "replica", ...ages } as const;
    const standby = osaka(standbyRole({ epoch: 2, takeovers: TAKEOVER }), view);
    return nextStep(promote, { ...PAIR, home, standby }, LIMITS);
  };

  describe.each(["enabled", "error", "paused", "enabling"] as const)("and is %s", (status) => {
    test.each<[string, RegionView, number, number, object]>([
      ["is ended in both regions", HOME_HALF, 0, 0, EVERYWHERE],
      ["is ended in both regions, however long it has been seen", HOME_HALF, 0, STUCK, EVERYWHERE],
      ["is ended here after half of the timeout", HOME_HALF, STUCK, STUCK, HERE],
      ["is ended here at once where the other region has no half", NO_HALF, 0, 0, HERE],
      ["is ended in both where the other region is lost", LOST_HOME, 0, OVER, EVERYWHERE],
      ["is ended in both by a run that has not asked for that", LOST_HOME, OVER, 0, EVERYWHERE],
      ["is ended here once the lease is over", LOST_HOME, OVER, OVER, HERE],
    ])("%s", (_what, home, roleAge, replicationAge, expected) => {
      expect(step(home, status, { roleAge, replicationAge })).toMatchObject(expected);
    });
  });

  test.each<[string, RegionView, number, number, object]>([
    ["is waited for", HOME_HALF, OVER, OVER, { kind: "wait" }],
    ["is waited for while the lease runs", LOST_HOME, 0, 0, { kind: "wait" }],
    ["is ended here once the lease is over, by any run", LOST_HOME, OVER, 0, HERE],
    ["is ended here after half of the timeout", HOME_HALF, STUCK, STUCK, HERE],
  ])("and is being deleted %s", (_what, home, roleAge, replicationAge, expected) => {
    expect(step(home, "deleting", { roleAge, replicationAge })).toMatchObject(expected);
  });
});

test.each<[string, ReplicationView | undefined, ReplicationView["status"], "everywhere" | "here"]>([
  ["is left in the old primary's region alone", undefined, "enabled", "here"],
  ["is left there, and has an error", undefined, "error", "here"],
  ["is in both regions", FROM_TOKYO, "enabled", "everywhere"],
])("failback ends a replication in the old direction that %s", (_what, inOsaka, status, where) => {
  const home = tokyo(standbyRole({ epoch: 2, takeovers: TAKEOVER }), { replication: { ...FROM_TOKYO, status } });
  const standby = osaka(osakaRole({ epoch: 2, takeovers: TAKEOVER, alone: true }), { replication: inOsaka });
  expect(nextStep(failback, { ...PAIR, home, standby }, LIMITS)).toMatchObject({
    action: { kind: "delete-replication", where },
  });
});
