/**
 * Properties 1 to 4 of the file monitor.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MountTable, parseMountTable, serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readParameter, writeParameter } from "../../functions/file-monitor/aws/parameter.ts";
import { decide, isThresholdPassed } from "../../functions/file-monitor/decide/decide.ts";
import { countFiles } from "../../functions/file-monitor/observe/count.ts";
import { type Fault, MemoryAws } from "../support/memory-aws.ts";
import { useMonitor } from "../support/monitor-run.ts";

const never = new AbortController().signal;

describe("1. the count is the number of entries that are not directories", () => {
  interface Tree {
    readonly [name: string]: "file" | "link" | Tree;
  }

  /** Any bytes but "/" and NUL, as Latin-1. */
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 8 })
    .map((bytes) => Buffer.from(bytes).toString("latin1"))
    .filter((text) => !/[/\0]/.test(text) && text !== "." && text !== "..");

  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.dictionary(name, fc.oneof({ maxDepth: 4 }, fc.constantFrom("file", "link"), tie("tree")), { maxKeys: 6 }),
  }));

  function make(path: Buffer, tree: Tree): number {
    mkdirSync(path);
    let files = 0;
    for (const [name, entry] of Object.entries(tree)) {
      const entryPath = Buffer.concat([path, Buffer.from(`/${name}`, "latin1")]);
      if (typeof entry === "object") files += make(entryPath, entry);
      else {
        files += 1;
        if (entry === "file") writeFileSync(entryPath, "");
        else symlinkSync(path, entryPath);
      }
    }
    return files;
  }

  test("for any tree, any names, and any number of directories read at once", async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 8 }), async (tree, concurrency) => {
        const directory = mkdtempSync(join(tmpdir(), "count-"));
        const root = join(directory, "root");
        const expected = make(Buffer.from(root), tree);
        const { files, complete, skipped } = await countFiles(root, { concurrency, signal: never });
        expect({ files, complete, skipped: skipped.count }).toEqual({ files: expected, complete: true, skipped: 0 });
        rmSync(directory, { recursive: true });
      }),
      { numRuns: 50 },
    );
  });
});

describe("2. the threshold is passed if and only if count > threshold", () => {
  test("for any count and threshold", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (files, threshold) => {
        expect(isThresholdPassed(files, threshold)).toBe(files > threshold);
        expect(isThresholdPassed(threshold, threshold)).toBe(false);
        expect(isThresholdPassed(threshold + 1, threshold)).toBe(true);
      }),
    );
  });

  test("and only then does any observation make the monitor want a mount target", () => {
    const zone = fc.constantFrom("a", "b", "c");
    const state = fc.constantFrom("creating", "available", "updating", "deleting", "deleted", "error");
    const account = fc.record({
      fileSystem: fc.record({
        availabilityZone: fc.option(zone, { nil: undefined }),
        numberOfMountTargets: fc.nat(4),
      }),
      mountTargets: fc.array(
        fc.record({
          mountTargetId: fc.uuid(),
          subnetId: fc.uuid(),
          availabilityZone: zone,
          state,
          ipAddress: fc.constant("10.0.0.1"),
        }),
        { maxLength: 3 },
      ),
      subnets: fc.array(fc.record({ subnetId: fc.uuid(), availabilityZone: zone, freeAddresses: fc.nat(9) })),
    });
    const placement = { maxMountTargets: fc.option(fc.nat(4), { nil: undefined }), subnetIds: fc.constant(undefined) };
    fc.assert(
      fc.property(account, fc.nat(9), fc.nat(9), fc.record(placement), (account, fileCount, threshold, limits) => {
        const decision = decide({ ...account, fileCount }, { ...limits, fileCountThreshold: threshold });
        const isUnwanted = decision.action === "none" && decision.cause === "threshold-not-passed";
        expect(!isUnwanted).toBe(fileCount > threshold);
        if (decision.action !== "create") return;
        const taken = account.mountTargets.filter(({ state }) => state !== "deleted");
        expect(taken.map(({ availabilityZone }) => availabilityZone)).not.toContain(decision.subnet.availabilityZone);
        expect(taken.length).toBeLessThan(limits.maxMountTargets ?? Number.POSITIVE_INFINITY);
      }),
    );
  });

  const run = useMonitor();

  test("and only then does a run of three files add a mount target", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 6 }), async (threshold) => {
        const aws = createAws(["a", "b"]);
        const result = await run(aws, { environment: { FILE_COUNT_THRESHOLD: `${threshold}` } });
        expect(result.statusCode).toBe(200);
        expect(aws.mountTargets).toHaveLength(3 > threshold ? 2 : 1);
      }),
      { numRuns: 20 },
    );
  });
});

describe("3. a mount table survives the round trip through SSM unchanged", () => {
  const hex = fc.nat().map((number) => number.toString(16));
  /** The parser drops `__proto__` at the level of a target or the table: no key that anyone means. */
  const key = fc.string().filter((text) => text !== "__proto__");
  const unknownKeys = fc.dictionary(key, fc.jsonValue(), { maxKeys: 3 });
  const mountTarget = fc
    .record({
      mount_target_id: hex.map((id) => `fsmt-${id}`),
      ip_address: fc.oneof(fc.ipV4(), fc.ipV6()),
      availability_zone: fc.string({ minLength: 1 }),
      subnet_id: hex.map((id) => `subnet-${id}`),
    })
    .chain((known) => unknownKeys.map((unknown) => ({ ...unknown, ...known })));
  const mountTable = fc
    .uniqueArray(mountTarget, { selector: ({ mount_target_id }) => mount_target_id })
    .chain((mount_targets) => unknownKeys.map((unknown): MountTable => ({ ...unknown, mount_targets })));

  test("for any table, of any type of parameter", async () => {
    await fc.assert(
      fc.asyncProperty(mountTable, fc.constantFrom("String", "SecureString"), async (table, type) => {
        const aws = { ...new MemoryAws().clients(), signal: never };
        const value = serializeMountTable(table);
        await writeParameter(aws, { name: "/table", value, type, keyId: undefined });
        const parameter = await readParameter(aws, "/table");
        expect(parameter?.type).toBe(type);
        expect(parameter?.value).toBe(value);
        const read = parseMountTable(parameter?.value ?? "");
        expect(serializeMountTable(read)).toBe(value);
        expect(new Set(read.mount_targets)).toEqual(new Set(parseMountTable(value).mount_targets));
      }),
    );
  });
});

describe("4. whatever fails, the table lists only available mount targets, and later runs put all right", () => {
  const run = useMonitor();

  const events: Readonly<Record<string, (aws: MemoryAws) => void>> = {
    nothing: () => {},
    "a mount target is deleted": (aws) => aws.mountTargets.shift(),
    "a mount target is being deleted": (aws) => {
      for (const target of aws.mountTargets.slice(0, 1)) target.state = "deleting";
    },
    "somebody creates a mount target": (aws) => {
      const taken = new Set(aws.mountTargets.map(({ availabilityZone }) => availabilityZone));
      const subnet = aws.subnets.find(({ availabilityZone }) => !taken.has(availabilityZone));
      if (subnet) aws.addMountTarget(subnet, "creating");
    },
    "the table is deleted": (aws) => {
      aws.parameter = undefined;
    },
    "the table is broken": (aws) => {
      aws.parameter = { value: "{", type: "String", lastModified: ++aws.clock };
    },
    "the table is emptied": (aws) => {
      aws.parameter = { value: '{"mount_targets":[]}', type: "String", lastModified: ++aws.clock };
    },
    "somebody deploys": (aws) => aws.deploy(),
  };

  const zone = fc.constantFrom("a", "b", "c", "d");
  const refusal = fc.constantFrom(undefined, undefined, "NoFreeAddressesInSubnet", "UnsupportedAvailabilityZone");
  const fault = fc.tuple(fc.nat(12), fc.constantFrom<Fault>("refused", "lost answer", "death", "stale"));
  const scenario = fc.record({
    zones: fc.array(zone, { minLength: 1, maxLength: 6 }),
    refusals: fc.array(refusal, { minLength: 6, maxLength: 6 }),
    timesCreating: fc.nat(2),
    latencies: fc.array(fc.nat(3), { minLength: 1 }),
    environment: fc.record({
      FILE_COUNT_THRESHOLD: fc.constantFrom("2", "3"),
      MAX_MOUNT_TARGETS: fc.constantFrom("", "1", "2", "3"),
    }),
    steps: fc.array(
      fc.record({
        event: fc.constantFrom(...Object.keys(events)),
        faults: fc.array(fault, { maxLength: 3 }),
        overlapping: fc.boolean(),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  });

  test("for any subnets, faults, overlapping runs, and what people do by hand", async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ zones, refusals, timesCreating, latencies, environment, steps }) => {
        const aws = createAws(zones, refusals);
        aws.timesCreating = timesCreating;
        let call = 0;
        aws.latency = () => latencies[call++ % latencies.length] ?? 0;

        for (const { event, faults, overlapping } of steps) {
          events[event]?.(aws);
          const runs = [run(aws, { environment, faults: new Map(faults) })];
          if (overlapping) runs.push(run(aws, { environment }));
          await Promise.all(runs);
        }
        const isStale = steps.some(({ faults }) => faults.some(([, fault]) => fault === "stale"));
        for (const { value, available, everAvailable } of aws.tables) {
          const listed = idsOf(parseMountTable(value));
          expect(listed).not.toEqual([]);
          expect(isStale ? everAvailable : available).toEqual(expect.arrayContaining(listed));
        }
        const limit = Number(environment.MAX_MOUNT_TARGETS || Number.POSITIVE_INFINITY);
        const isForeign = steps.some(({ event }) => event === "somebody creates a mount target");
        if (!isForeign) expect(aws.mountTargets.length).toBeLessThanOrEqual(limit);
        if (!steps.some(({ overlapping }) => overlapping))
          expect(timesCalled("UpdateService")).toBeLessThanOrEqual(timesCalled("PutParameter"));

        for (let time = 0; time < 3; time++) await run(aws, { environment });
        const available = aws.mountTargets.filter(({ state }) => state === "available");
        if (available.length === 0) return;
        expect(idsOf(parseMountTable(aws.parameter?.value ?? "")).sort()).toEqual(
          available.map((target) => target.mountTargetId).sort(),
        );
        expect(aws.service?.deployments.at(-1)?.createdAt).toBeGreaterThanOrEqual(
          aws.parameter?.lastModified ?? Number.NaN,
        );

        function timesCalled(operation: string) {
          return aws.calls.filter((called) => called === operation).length;
        }
      }),
      { numRuns: 100 },
    );
  }, 300_000);
});

/** A subnet in each of the zones, and a mount target in the first, published and deployed. */
function createAws(zones: readonly string[], refusals: readonly (string | undefined)[] = []): MemoryAws {
  const aws = new MemoryAws();
  aws.subnets = zones.map((availabilityZone, index) => ({
    subnetId: `subnet-${index}`,
    availabilityZone,
    ...(refusals[index] !== undefined && { refusal: refusals[index] }),
  }));
  aws.addMountTarget(aws.subnetIn(zones[0] ?? ""));
  aws.publish();
  aws.deploy();
  return aws;
}

function idsOf(table: MountTable): string[] {
  return table.mount_targets.map((target) => target.mount_target_id);
}
