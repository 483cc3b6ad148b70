/** Runs of the monitor with what the runs before them have counted, in a bucket. */
import fs from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { raiseAlarm } from "../../../../functions/file-monitor/forecast/alarms.ts";
import { addCount, DAY, type History, MINUTE } from "../../../../functions/file-monitor/forecast/history.ts";
import {
  decodeMemory,
  EMPTY_MEMORY,
  encodeMemory,
  type ForecastMemory,
} from "../../../../functions/file-monitor/forecast/memory.ts";
import type { ThresholdMode } from "../../../../functions/file-monitor/forecast/threshold.ts";
import { observeThreshold } from "../../../../functions/file-monitor/observe/threshold.ts";
import type { CountReport } from "../../../../functions/file-monitor/result.ts";
import { readSettings } from "../../../../functions/file-monitor/settings.ts";
import { FILE_SYSTEM_ID } from "../../../../local/account.ts";
import { AwsError } from "../../../../local/control-plane/aws-error.ts";
import {
  finishServiceDeployment,
  primaryDeployment,
  updateDeployment,
} from "../../../../local/control-plane/ecs-deployments.ts";
import type { Fault, StaleRead } from "../../../../local/control-plane/server.ts";
import { monitorEnvironment } from "../../../../local/environments.ts";
import { type LocalS3, startLocalS3 } from "../../../../local/s3/server.ts";
import { completeDeployment, MonitorAccount, type RunOptions } from "../../../support/monitor-account.ts";

const BUCKET = "forecast-bucket";
const FILES = 400;
/** Sixteen files came in each hour, so six more are to be expected while a mount target is added. */
const THRESHOLD = FILES + 3;

let directory: string;
let aws: MonitorAccount;
let s3: LocalS3;
/** What goes wrong with calls to AWS, and with those of the bucket. */
let awsFaults: Map<string, Fault | StaleRead>;
let s3Faults: ((operation: string) => Fault | undefined) | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "forecast-runs-"));
  const files = join(directory, "files");
  fs.mkdirSync(files);
  for (let file = 0; file < FILES; file++) fs.writeFileSync(join(files, String(file)), "");
  aws = await MonitorAccount.start(({ operation }) => awsFaults.get(operation));
  s3 = await startLocalS3({
    directory: join(directory, "s3"),
    buckets: [BUCKET],
    onCall: ({ operation }) => s3Faults?.(operation),
  });
});

afterAll(async () => {
  await aws.close();
  await s3.close();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  awsFaults = new Map();
  s3Faults = undefined;
  aws.reset({ zones: ["a", "b", "c"], occupied: ["a"] });
});

afterEach(() => rm(join(directory, "s3", BUCKET, FILE_SYSTEM_ID), { recursive: true, force: true }));

const objectFile = () => join(directory, "s3", BUCKET, FILE_SYSTEM_ID, "forecast");

async function keep(memory: ForecastMemory): Promise<void> {
  fs.mkdirSync(join(directory, "s3", BUCKET, FILE_SYSTEM_ID), { recursive: true });
  await writeFile(objectFile(), encodeMemory(memory));
}

async function kept(): Promise<ForecastMemory> {
  return decodeMemory(await readFile(objectFile(), "utf8"));
}

/** Counts of the last hours: more files in every run. */
function grown(hours = 25, filesAnHour = 16): ForecastMemory {
  let history: History = [];
  const now = Date.now();
  for (let minutes = hours * 60; minutes > 0; minutes -= 5) {
    history = addCount(history, {
      time: now - minutes * MINUTE,
      files: Math.floor(FILES - (minutes * filesAnHour) / 60),
    });
  }
  return { ...EMPTY_MEMORY, history };
}

function run(mode: ThresholdMode, environment: Record<string, string> = {}, options: RunOptions = {}) {
  return aws.run({
    ...options,
    s3Endpoint: s3.url,
    environment: {
      EFS_MOUNT_PATH: join(directory, "files"),
      COUNT_TREE_BUCKET: BUCKET,
      FILE_COUNT_THRESHOLD: String(THRESHOLD),
      THRESHOLD_MODE: mode,
      ...environment,
    },
  });
}

const COUNTED: CountReport = {
  fileCount: FILES,
  countComplete: true,
  countDuration: 1,
  countAge: 0,
  fullCount: true,
  directoriesRead: 1,
  wrongDirectories: { count: 0, examples: [] },
  changedDirectories: { foundAt: 0, directories: [] },
  largestDirectory: { path: "/", files: FILES },
  skipped: { count: 0, examples: [] },
};

type Result = Awaited<ReturnType<typeof run>>;

function finishDeployment(): void {
  aws.change((state, { now }) => ({
    ...state,
    services: state.services.map((service) =>
      finishServiceDeployment(
        updateDeployment(service, primaryDeployment(service).id, now, { rolloutState: "COMPLETED" }),
        "SUCCESSFUL",
        now,
      ),
    ),
  }));
}

const warnings = ({ log }: Result) => log.filter(({ level }) => level === "WARN").map(({ message }) => message);

const REFUSED: Fault = { takesEffect: false, response: new AwsError("AccessDenied", 403, "Access Denied") };

describe("with growth that passes the threshold soon", () => {
  beforeEach(() => keep(grown()));

  test("forecast adds a mount target before, says why, and adds only one", async () => {
    const first = await run("forecast");
    expect(first).toMatchObject({
      statusCode: 200,
      threshold: THRESHOLD,
      thresholdPassed: false,
      forecast: { horizon: 25 * MINUTE, thresholdPassed: true },
      created: { availabilityZone: "b" },
      tableUpdated: true,
      deployed: true,
      forecastFalseAlarms: 0,
    });
    expect(first.effectiveThreshold).toBeLessThan(FILES);
    expect(first.forecast?.fileCount).toBeGreaterThan(THRESHOLD);
    expect(first.thresholdReason).toContain(`instead of ${THRESHOLD}: ${FILES} files were counted`);
    expect(first.log).toContainEqual({
      level: "INFO",
      message: "A mount target is added ahead of time",
      fields: { reason: first.thresholdReason },
    });

    const second = await run("forecast");
    expect(second).toMatchObject({ created: null, effectiveThreshold: THRESHOLD });
    expect(second.thresholdReason).toContain("the threshold was not passed since");
    expect(warnings(second)).toEqual([]);
  });

  test.each<[string, Record<string, string>, () => void]>([
    ["its tasks were replaced", {}, finishDeployment],
    ["the routers could read the table", { ROLLOUT: "hot-reload" }, () => {}],
  ])("how long it took is measured until %s, and is the next horizon", async (_, rollout, untilInUse) => {
    const { scaleOutBegan } = await run("forecast", rollout).then(kept);
    expect(Math.abs(Date.now() - (scaleOutBegan ?? 0))).toBeLessThan(2 * MINUTE);
    if (rollout.ROLLOUT === undefined) {
      expect(await run("forecast").then(kept)).toMatchObject({ leadTimes: [], scaleOutBegan });
    }
    untilInUse();
    expect(await run("forecast", rollout)).toMatchObject({ forecast: { horizon: 25 * MINUTE } });
    const { leadTimes, ...rest } = await kept();
    expect(rest.scaleOutBegan).toBeUndefined();
    expect(leadTimes).toHaveLength(1);
    expect(leadTimes[0]).toBeLessThanOrEqual(2 * MINUTE);
    const { forecast } = await run("forecast", rollout);
    expect(forecast?.horizon).toBe((leadTimes[0] ?? 0) + 10 * MINUTE);
  });

  test("observe says so in the log and in the result, and adds none", async () => {
    const result = await run("observe");
    expect(result).toMatchObject({
      created: null,
      effectiveThreshold: THRESHOLD,
      forecast: { thresholdPassed: true },
      message: "No action needed",
    });
    expect(result.forecast?.threshold).toBeLessThan(FILES);
    expect(result.log).toContainEqual(
      expect.objectContaining({ level: "INFO", message: expect.stringContaining("would be added ahead of time") }),
    );
    expect((await kept()).alarm).toBeUndefined();
  });

  test("fixed forecasts nothing, and remembers the count", async () => {
    const result = await run("fixed");
    expect(result).toMatchObject({ created: null, effectiveThreshold: THRESHOLD, forecast: undefined });
    expect((await kept()).history.at(-1)?.files).toBe(FILES);
  });

  test("what can't be added for want of a place is no warning before the threshold is passed", async () => {
    const result = await run("forecast", { MAX_MOUNT_TARGETS: "1" });
    expect(result).toMatchObject({ statusCode: 200, created: null, forecast: { thresholdPassed: true } });
    expect((await kept()).alarm).toBeUndefined();
  });

  test("a mount target that EFS refuses is retried by the next run", async () => {
    awsFaults.set("CreateMountTarget", {
      takesEffect: false,
      response: new AwsError("NetworkInterfaceLimitExceeded", 400, "Limit"),
    });
    expect(await run("forecast")).toMatchObject({ statusCode: 500, creationFailed: true });
    expect(await kept()).toMatchObject({ alarm: undefined, scaleOutBegan: undefined });
    awsFaults.clear();
    expect(await run("forecast")).toMatchObject({ created: { availabilityZone: "b" } });
  });

  test("a mount target that may have been created is not asked for again", async () => {
    awsFaults.set("CreateMountTarget", { takesEffect: true, response: "connection-closed" });
    expect(await run("forecast")).toMatchObject({ statusCode: 500, creationFailed: true });
    awsFaults.clear();
    expect(await run("forecast")).toMatchObject({ statusCode: 200, created: null });
    expect(aws.state.mountTargets).toHaveLength(2);
  });

  test("none is added ahead of time where that can't be kept, and the threshold still fires", async () => {
    s3Faults = (operation) => (operation === "PutObject" ? REFUSED : undefined);
    const result = await run("forecast");
    expect(result).toMatchObject({ statusCode: 200, created: null });
    expect(warnings(result)).toContainEqual(expect.stringContaining("No mount target is added ahead of time"));
    expect(await run("forecast", { FILE_COUNT_THRESHOLD: String(FILES - 1) })).toMatchObject({
      created: { availabilityZone: "b" },
    });
  });

  test("of two runs at the same time, one adds a mount target ahead of time", async () => {
    const results = await Promise.all([run("forecast", {}, { name: "RUN-1" }), run("forecast", {}, { name: "RUN-2" })]);
    expect(results.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect(aws.state.mountTargets).toHaveLength(2);
  });

  test("a count that was not complete is not remembered", async () => {
    const before = await kept();
    const lines: string[] = [];
    const write = (message: string) => void lines.push(message);
    const settings = readSettings({
      ...monitorEnvironment("http://127.0.0.1", "/mnt", THRESHOLD, "hot-reload"),
      THRESHOLD_MODE: "forecast",
    });
    const lowerBound = { ...COUNTED, fileCount: 1, countComplete: false };
    const log = { info: write, warn: write, error: write };
    const { memory } = observeThreshold({ settings, log, memory: { unsupportedZones: new Set() } }, before, lowerBound);
    expect(memory).toEqual(before);
    expect(lines).toEqual([]);
  });
});

describe.each(["observe", "forecast"] as const)("with %s", (mode) => {
  test.each([
    ["missing", undefined, "has no memory yet"],
    ["broken", "{", "is broken"],
  ])("a memory that is %s is begun anew, with one warning", async (_, text, warning) => {
    if (text !== undefined) {
      await keep(EMPTY_MEMORY);
      await writeFile(objectFile(), text);
    }
    const first = await run(mode);
    expect(first).toMatchObject({ statusCode: 200, effectiveThreshold: THRESHOLD, created: null, forecast: undefined });
    expect(first.thresholdReason).toContain("less than a day of history");
    expect(warnings(first)).toContainEqual(expect.stringContaining(warning));
    expect(warnings(await run(mode)).join()).not.toContain("memory");
    expect((await kept()).history).toHaveLength(1);
  });

  test("a memory that can't be read fails nothing, and stays as it is", async () => {
    const before = grown();
    await keep(before);
    s3Faults = (operation) => (operation === "GetObject" ? REFUSED : undefined);
    const result = await run(mode);
    expect(result).toMatchObject({ statusCode: 200, effectiveThreshold: THRESHOLD, created: null });
    expect(warnings(result)).toContainEqual(expect.stringContaining("can't be read"));
    expect(await kept()).toEqual(before);
  });

  test("without a bucket the threshold is fixed, with a warning", async () => {
    const result = await run(mode, { COUNT_TREE_BUCKET: "" });
    expect(result).toMatchObject({ statusCode: 200, effectiveThreshold: THRESHOLD });
    expect(warnings(result)).toEqual([expect.stringContaining("COUNT_TREE_BUCKET")]);
  });
});

describe("with no Availability Zone left", () => {
  const full = { MAX_MOUNT_TARGETS: "1" };
  const farAway = { ...full, FILE_COUNT_THRESHOLD: String(2 * FILES) };
  const about = (result: Result) =>
    warnings(result).filter((message) => message.includes("no Availability Zone is left"));

  beforeEach(() => keep(grown(48, 8)));

  test("there is a warning days before the threshold is passed, once a day", async () => {
    const options = { memory: { unsupportedZones: new Set<string>() } };
    const first = await run("observe", farAway, options);
    expect(first).toMatchObject({ availabilityZonesLeft: 0, endInSight: true, thresholdPassed: false });
    expect(about(first)).toHaveLength(1);
    const second = await run("observe", farAway, options);
    expect(second.endInSight).toBe(true);
    expect(about(second)).toEqual([]);
  });

  test.each<[string, ThresholdMode, Record<string, string>]>([
    ["the threshold is further away", "forecast", { ...full, FILE_COUNT_THRESHOLD: String(100 * FILES) }],
    ["the threshold is passed", "forecast", { ...full, FILE_COUNT_THRESHOLD: String(FILES - 1) }],
    ["there is a place left", "forecast", { FILE_COUNT_THRESHOLD: String(2 * FILES) }],
    ["nothing is forecast", "fixed", farAway],
  ])("there is none where %s", async (_, mode, environment) => {
    const result = await run(mode, environment);
    expect(result.endInSight ?? false).toBe(false);
    expect(about(result)).toEqual([]);
  });
});

describe("false alarms", () => {
  test("are none where the run died before it created the mount target: a later one adds it", async () => {
    await keep(raiseAlarm(grown(), Date.now() - 5 * MINUTE, 1));
    expect(await run("forecast")).toMatchObject({ created: null, forecastFalseAlarms: 0 });
    await keep(raiseAlarm(grown(), Date.now() - 2 * DAY, 1));
    expect(await run("forecast")).toMatchObject({ created: { availabilityZone: "b" }, forecastFalseAlarms: 0 });
    expect((await kept()).alarm).toMatchObject({ mountTargetsBefore: 1, wasFalse: false });
  });

  const alarmed = (falseAlarms: number) => raiseAlarm({ ...grown(), falseAlarms }, Date.now() - DAY - 5 * MINUTE, 0);

  test("the third suspends the forecast, with one warning", async () => {
    await keep(alarmed(2));
    const first = await run("forecast");
    expect(first).toMatchObject({ created: null, effectiveThreshold: THRESHOLD, forecastFalseAlarms: 3 });
    expect(first.thresholdReason).toContain("false alarms");
    expect(warnings(first)).toEqual([expect.stringContaining("is suspended")]);
    const second = await run("forecast");
    expect(second).toMatchObject({ created: null, effectiveThreshold: THRESHOLD, forecastFalseAlarms: 3 });
    expect(warnings(second)).toEqual([]);
  });

  test("are forgiven by a run with fixed", async () => {
    await keep({ ...grown(), falseAlarms: 3 });
    expect(await run("forecast")).toMatchObject({ created: null });
    expect(await run("fixed")).toMatchObject({ forecastFalseAlarms: 0 });
    expect(await run("forecast")).toMatchObject({ created: { availabilityZone: "b" } });
  });
});

describe("scaling in", () => {
  /** Without time between the steps, so that only the forecast keeps a mount target. */
  const scaleIn = (environment: Record<string, string>) =>
    run("forecast", {
      SCALE_IN: "on",
      SCALE_IN_PERCENT: "90",
      SCALE_IN_MINUTES: "0",
      SCALE_IN_MINIMUM_AGE_HOURS: "0",
      DRAIN_SECONDS: "0",
      INITIAL_MOUNT_TARGETS: "1",
      ...environment,
    });

  beforeEach(() => {
    aws.reset({ zones: ["a", "b", "c"], occupied: ["a", "b"] });
    aws.change(completeDeployment);
  });

  test("takes none away that the forecast would add again", async () => {
    // 400 files are fewer than nine tenths of 446, but not of what the forecast would make of it.
    await keep(raiseAlarm(grown(), Date.now() - 60 * MINUTE, 1));
    expect(await scaleIn({ FILE_COUNT_THRESHOLD: "446" })).toMatchObject({
      effectiveThreshold: 446,
      scaleIn: { action: "none", reason: expect.stringContaining("not certain that there are fewer than 402 files") },
    });
  });

  test("lets forecasts add another one once it is gone", async () => {
    await keep(raiseAlarm(grown(25, 0), Date.now() - 60 * MINUTE, 1));
    expect(await scaleIn({ FILE_COUNT_THRESHOLD: "1000" })).toMatchObject({ scaleIn: { action: "retire" } });
    expect((await kept()).alarm).toBeDefined();
    aws.change(completeDeployment);
    expect(await scaleIn({ FILE_COUNT_THRESHOLD: "1000" })).toMatchObject({ deleted: { availabilityZone: "b" } });
    expect(await kept()).toMatchObject({ alarm: undefined, falseAlarms: 1 });
  });

  test("deletes nothing where that could not be kept", async () => {
    await keep(raiseAlarm(grown(25, 0), Date.now() - 60 * MINUTE, 1));
    await scaleIn({ FILE_COUNT_THRESHOLD: "1000" });
    aws.change(completeDeployment);
    s3Faults = (operation) =>
      operation === "PutObject" ? { takesEffect: false, response: new AwsError("SlowDown", 503, "") } : undefined;
    expect(await scaleIn({ FILE_COUNT_THRESHOLD: "1000" })).toMatchObject({ statusCode: 200, deleted: null });
    expect(aws.state.mountTargets).toHaveLength(2);
    s3Faults = undefined;
    expect(await scaleIn({ FILE_COUNT_THRESHOLD: "1000" })).toMatchObject({ deleted: { availabilityZone: "b" } });
  });
});
