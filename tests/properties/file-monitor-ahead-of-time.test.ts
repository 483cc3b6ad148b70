/** What holds of runs that add a mount target on a forecast, whatever fails. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addCount, type History, MINUTE } from "../../functions/file-monitor/forecast/history.ts";
import { EMPTY_MEMORY, encodeMemory } from "../../functions/file-monitor/forecast/memory.ts";
import { FILE_SYSTEM_ID } from "../../local/account.ts";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import type { Fault } from "../../local/control-plane/server.ts";
import { type LocalS3, startLocalS3 } from "../../local/s3/server.ts";
import { MonitorAccount } from "../support/monitor-account.ts";
import { disagreementsOf } from "../support/monitor-rules.ts";

const BUCKET = "forecast-bucket";
const FILES = 200;
const ERROR = new AwsError("InternalServerError", 500, "An error occurred");

const FAULTS: Readonly<Record<string, Fault>> = {
  "server error": { takesEffect: false, response: ERROR },
  "server error after success": { takesEffect: true, response: ERROR },
  "connection closed": { takesEffect: false, response: "connection-closed" },
  "lost response": { takesEffect: true, response: "connection-closed" },
  "death before": { takesEffect: false, response: "connection-closed" },
  "death after": { takesEffect: true, response: "connection-closed" },
};
type FaultKind = keyof typeof FAULTS;

const directory = mkdtempSync(join(tmpdir(), "ahead-of-time-"));
let aws: MonitorAccount;
let s3: LocalS3;

/** The calls that something goes wrong with: the first of its kind in a run. */
const CALLS = [
  "GetObject forecast",
  "PutObject forecast",
  "DescribeMountTargets",
  "CreateMountTarget",
  "PutParameter",
] as const;
type CallName = (typeof CALLS)[number];
type Faults = ReadonlyMap<string, FaultKind>;

let faults = new Map<string, FaultKind>();
let death = new AbortController();

function disturb(call: string): Fault | undefined {
  const kind = faults.get(call);
  faults.delete(call);
  if (death.signal.aborted) return { takesEffect: false, response: "connection-closed" };
  if (kind === undefined) return undefined;
  if (String(kind).startsWith("death")) death.abort();
  return FAULTS[kind];
}

beforeAll(async () => {
  mkdirSync(join(directory, "files"));
  for (let file = 0; file < FILES; file++) writeFileSync(join(directory, "files", String(file)), "");
  aws = await MonitorAccount.start(({ operation }) => disturb(operation));
  s3 = await startLocalS3({
    directory: join(directory, "s3"),
    buckets: [BUCKET],
    onCall: ({ operation, key }) => disturb(`${operation} ${key.slice(FILE_SYSTEM_ID.length + 1)}`),
  });
});

afterAll(async () => {
  await aws.close();
  await s3.close();
  rmSync(directory, { recursive: true });
});

/** Begins anew: 8 files came in each of the last 24 hours. */
function reset(): void {
  aws.reset({ zones: ["a", "b", "c"], occupied: ["a"] });
  const now = Date.now();
  let history: History = [];
  for (let minutes = 24 * 60 + 10; minutes > 0; minutes -= 5) {
    history = addCount(history, { time: now - minutes * MINUTE, files: Math.floor(FILES - (minutes * 8) / 60) });
  }
  const folder = join(directory, "s3", BUCKET, FILE_SYSTEM_ID);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "forecast"), encodeMemory({ ...EMPTY_MEMORY, history }));
}

function run(threshold: number, plan: Faults = new Map()) {
  faults = new Map(plan);
  death = new AbortController();
  return aws.run({
    s3Endpoint: s3.url,
    signal: death.signal,
    environment: {
      EFS_MOUNT_PATH: join(directory, "files"),
      COUNT_TREE_BUCKET: BUCKET,
      FILE_COUNT_THRESHOLD: String(threshold),
      THRESHOLD_MODE: "forecast",
      // Only what disturbs a run can keep the mount target it added out of its sight.
      MOUNT_TARGET_TIMEOUT_SECONDS: plan.size > 0 ? "0.15" : "5",
    },
  });
}

const anyFaults = fc
  .array(fc.tuple(fc.constantFrom<CallName>(...CALLS), fc.constantFrom<FaultKind>(...Object.keys(FAULTS))), {
    minLength: 1,
    maxLength: 2,
  })
  .map((entries): Faults => new Map(entries));

test("a forecast adds one mount target at most until the threshold is passed, which then still fires", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyFaults, { minLength: 1, maxLength: 3 }), async (plans) => {
      reset();
      for (const plan of plans) {
        await run(FILES + 1, plan);
        expect(aws.state.mountTargets.length).toBeLessThanOrEqual(2);
      }
      for (let times = 0; times < 3; times++) expect(await run(FILES + 1)).toMatchObject({ statusCode: 200 });
      const ahead = aws.state.mountTargets.length;
      expect(ahead).toBeLessThanOrEqual(2);
      expect(disagreementsOf(aws.state)).toEqual([]);
      expect(await run(FILES - 1)).toMatchObject({ created: { state: "available" } });
      expect(aws.state.mountTargets).toHaveLength(ahead + 1);
    }),
    {
      numRuns: 40,
      // What was created is forgotten; what was not is remembered; and both at once.
      examples: [
        [[new Map([["PutObject forecast", "server error"]])]],
        [[new Map([["PutObject forecast", "death after"]])]],
        [[new Map([["CreateMountTarget", "death after"]]), new Map([["GetObject forecast", "connection closed"]])]],
      ],
    },
  );
}, 120_000);

test("without a fault the first run adds it", async () => {
  reset();
  expect(await run(FILES + 1)).toMatchObject({ thresholdPassed: false, created: { availabilityZone: "b" } });
});
