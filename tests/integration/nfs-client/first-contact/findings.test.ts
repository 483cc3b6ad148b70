/** First contact tells servers apart: by what they grant, support and share. */
import { readdir } from "node:fs/promises";
import type { Dialect, Profile } from "@efs-mount-autoscaling/nfs-server";
import { describe, expect, test } from "vitest";
import { PAGE_WIDTH, renderPage } from "../../../../packages/nfs-client/src/first-contact/page.ts";
import { isOk, type Report } from "../../../../packages/nfs-client/src/first-contact/report.ts";
import { judge, summaryOf } from "../../../../packages/nfs-client/src/first-contact/verdicts.ts";
import { GaneshaServer, ganesha, LEASE } from "../../../support/ganesha.ts";
import { describeRequiring } from "../../../support/requirements.ts";
import { contact, startTargets } from "./servers.ts";

const MEBIBYTE = 1024 * 1024;

/** What a server that supports, shares and grants everything is found to do. */
const EVERYTHING = {
  maxOperations: 64,
  slots: 64,
  maxRequestBytes: MEBIBYTE + 16 * 1024,
  maxResponseBytes: MEBIBYTE + 16 * 1024,
  anonymousRead: true,
  currentStateid: true,
  currentStateidInLock: true,
  verify: true,
  link: true,
  missingAttributes: [] as string[],
  sessionSurvivesReconnect: true,
  replyCacheSurvivesReconnect: true,
  clientsSharedAcrossTargets: true,
  locksSharedAcrossTargets: true,
  fencingAcrossTargets: true,
  leaseSeconds: 90,
  refused: [] as string[],
  unknown: [],
  leftBehind: [],
};

type Summary = typeof EVERYTHING;

/** The assumptions that do not hold. That the local server acts as one user for all is nothing of its dialect. */
function deviations(report: Report): string[] {
  return judge(report)
    .filter(({ verdict, assumption }) => verdict !== "holds" && assumption !== "a missing right is the operation's")
    .map(({ assumption }) => assumption.replace(/127\.0\.0\.1:\d+/, "TARGET"));
}

function expectPage(report: Report): void {
  const lines = renderPage(report).split("\n");
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(PAGE_WIDTH);
  expect(lines.filter((line) => line !== line.trimEnd())).toEqual([]);
  for (const name of report.targets) expect(lines.join(" ")).toContain(name);
}

const EFS = {
  maxOperations: 8,
  slots: 8,
  maxRequestBytes: MEBIBYTE + 4096,
  maxResponseBytes: MEBIBYTE + 4096,
  sessionSurvivesReconnect: false,
  replyCacheSurvivesReconnect: false,
  clientsSharedAcrossTargets: false,
  fencingAcrossTargets: false,
};

const EFS_DEVIATIONS = [
  "16 operations in a COMPOUND",
  "64 requests in flight",
  "long COMPOUNDs",
  "a session survives its connection",
  "the reply cache survives it",
  "client records are shared by the targets",
  "fencing via TARGET, another connection",
  "fencing via TARGET",
];

const PROFILES: [Profile, Partial<Summary>, string[]][] = [
  ["full", {}, []],
  ["efs", EFS, EFS_DEVIATIONS],
  [
    "strictest",
    {
      ...EFS,
      anonymousRead: false,
      currentStateid: false,
      currentStateidInLock: false,
      verify: false,
      link: false,
      missingAttributes: ["MAXREAD", "MAXWRITE"],
    },
    [
      ...EFS_DEVIATIONS,
      "READ without an OPEN",
      "the current stateid",
      "the same in LOCK",
      "VERIFY",
      "LINK",
      "the attributes that are used",
      "COMPOUNDs of 8 operations at most",
    ],
  ],
];

const SHORT = "COMPOUNDs of 8 operations at most";
const LONG = "long COMPOUNDs";

const SWITCHES: [string, Partial<Dialect>, Partial<Summary>, string[]][] = [
  ["few operations", { maximumOperations: 8 }, { maxOperations: 8 }, ["16 operations in a COMPOUND", LONG]],
  [
    "too few operations",
    { maximumOperations: 5 },
    { maxOperations: 5, refused: ["16 operations in a COMPOUND", SHORT] },
    ["16 operations in a COMPOUND", LONG, SHORT],
  ],
  ["few slots", { maximumSlots: 2 }, { slots: 2 }, ["64 requests in flight"]],
  [
    "small messages",
    { maximumMessageBytes: 64 * 1024 },
    { maxRequestBytes: 64 * 1024, maxResponseBytes: 64 * 1024 },
    ["1 MiB in a READ and a WRITE"],
  ],
  ["no VERIFY", { unsupportedOperations: ["VERIFY", "NVERIFY"] }, { verify: false }, ["VERIFY", LONG, SHORT]],
  ["no LINK", { unsupportedOperations: ["LINK"] }, { link: false }, ["LINK", LONG, SHORT]],
  [
    "no current stateid",
    { currentStateid: false },
    { currentStateid: false, currentStateidInLock: false },
    ["the current stateid", "the same in LOCK", LONG, SHORT],
  ],
  ["no anonymous READ", { anonymousRead: false }, { anonymousRead: false }, ["READ without an OPEN", LONG, SHORT]],
  ["no MODE", { unsupportedAttributes: ["MODE"] }, { missingAttributes: ["MODE"] }, ["the attributes that are used"]],
  [
    "no FILEID",
    { unsupportedAttributes: ["FILEID"] },
    { missingAttributes: ["FILEID"], refused: ["the attributes that are used"] },
    ["the attributes that are used", SHORT],
  ],
  [
    "client records of each mount target",
    { clientRecords: "mount-target" },
    { clientsSharedAcrossTargets: false, fencingAcrossTargets: false },
    ["client records are shared by the targets", "fencing via TARGET"],
  ],
  [
    "client records of each connection",
    { clientRecords: "connection" },
    {
      sessionSurvivesReconnect: false,
      replyCacheSurvivesReconnect: false,
      clientsSharedAcrossTargets: false,
      fencingAcrossTargets: false,
    },
    EFS_DEVIATIONS.slice(3),
  ],
  [
    "locks of each mount target",
    { locks: "mount-target" },
    { locksSharedAcrossTargets: false, refused: ["locks count everywhere"] },
    ["locks count everywhere"],
  ],
  ["long file handles", { longFileHandles: true }, {}, []],
];

async function expectFound(
  profile: Profile,
  dialect: Partial<Dialect>,
  expected: Partial<Summary>,
  deviating: readonly string[],
): Promise<void> {
  const { addresses, files, state } = await startTargets(profile, dialect);
  const report = await contact(addresses);
  expect(summaryOf(report)).toEqual({ ...EVERYTHING, ...expected });
  expect(deviations(report).sort()).toEqual([...deviating].sort());
  expectPage(report);
  expect(await files()).toEqual(["data"]);
  await expect.poll(state).toEqual({ connections: 0, clients: 0 });
}

describe("two mount targets of the local NFS server", () => {
  test.each(PROFILES)("in the profile %s", (profile, expected, deviating) =>
    expectFound(profile, {}, expected, deviating),
  );

  test.each(SWITCHES)("with %s", (_, dialect, expected, deviating) =>
    expectFound("full", dialect, expected, deviating),
  );
});

test("one mount target alone shares nothing with another", async () => {
  const { addresses } = await startTargets("full", {}, 1);
  expect(summaryOf(await contact(addresses))).toEqual({
    ...EVERYTHING,
    clientsSharedAcrossTargets: null,
    locksSharedAcrossTargets: null,
    fencingAcrossTargets: null,
  });
});

describeRequiring([ganesha], "nfs-ganesha", ([command]) => {
  test("supports everything, and refuses another user", async () => {
    const server = await GaneshaServer.start(command);
    try {
      const report = await contact([server], { path: `${server.root}/data` });
      expect(summaryOf(report)).toEqual({
        ...EVERYTHING,
        // All that is asked for.
        maxOperations: 100,
        clientsSharedAcrossTargets: null,
        locksSharedAcrossTargets: null,
        fencingAcrossTargets: null,
        leaseSeconds: LEASE,
      });
      expect(judge(report).filter(({ verdict }) => verdict !== "holds")).toEqual([]);
      expect(report.rights).toMatchObject({ found: { otherUser: { status: "NFS4ERR_ACCESS", operation: "OPEN" } } });
      expectPage(report);
      expect(await readdir(server.directory)).toEqual([]);
    } finally {
      await server.stop();
    }
  });
});

test("latencies and throughputs are measured of all that is taken", async () => {
  const { addresses } = await startTargets("full");
  const { exercises, throughput, reconnects } = await contact(addresses);
  if (!("found" in exercises) || !("found" in throughput) || !("found" in reconnects)) throw new Error("not answered");
  const { operations, longShapes, shortShapes } = exercises.found;
  for (const { answer, latency } of [...operations, ...longShapes, ...shortShapes]) {
    expect(isOk(answer)).toBe(true);
    expect(latency?.samples).toBeGreaterThan(0);
    expect(latency?.p50).toBeGreaterThan(0);
    expect(latency?.p99).toBeGreaterThanOrEqual(latency?.p50 ?? 0);
  }
  for (const { compounds } of shortShapes) expect(Math.max(...compounds)).toBeLessThanOrEqual(8);
  for (const rows of [throughput.found.oneTarget, throughput.found.allTargets]) {
    expect(rows.map(({ connections }) => connections)).toEqual([1, 2, 4, 8]);
    for (const { read, write } of rows) expect(Math.min(read, write)).toBeGreaterThan(0);
  }
  expect(reconnects.found).toMatchObject({ connections: 50, knewSession: 50 });
});

test("a throughput counts what all requests have moved", async () => {
  const limit = 16;
  const { addresses } = await startTargets("full", {}, 1, limit * MEBIBYTE);
  const { throughput } = await contact(addresses);
  if (!("found" in throughput)) throw new Error("not answered");
  const all = throughput.found.oneTarget.at(-1);
  expect(all?.connections).toBe(8);
  for (const rate of [all?.read, all?.write]) {
    expect(rate).toBeGreaterThan(limit / 4);
    expect(rate).toBeLessThan(limit * 1.5);
  }
});
