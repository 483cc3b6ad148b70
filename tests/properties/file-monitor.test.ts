/**
 * Properties 1 to 4 of the file monitor.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type MountTable, parseMountTable, serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readParameter, writeParameter } from "../../functions/file-monitor/aws/parameter.ts";
import { decide, isThresholdPassed } from "../../functions/file-monitor/decide/decide.ts";
import { countTree } from "../../functions/file-monitor/observe/count/count-tree.ts";
import { MountedDirectories } from "../../functions/file-monitor/observe/count/mounted-directories.ts";
import { MonitorAccount } from "../support/monitor-account.ts";
import { disagreementsOf } from "../support/monitor-rules.ts";
import { CLEAN_RUN, FAULTS, MonitorWorld } from "../support/monitor-world.ts";

const never = new AbortController().signal;

let account: MonitorAccount;
beforeAll(async () => {
  account = await MonitorAccount.start();
});
afterAll(() => account.close());

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
        const options = { concurrency, signal: never };
        const { files, complete, skipped } = (await countTree(new MountedDirectories(root, options), options)).count;
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
        const settings = { ...limits, fileCountThreshold: threshold };
        const decision = decide({ ...account, fileCount }, settings);
        const isUnwanted = decision.action === "none" && decision.cause === "threshold-not-passed";
        expect(!isUnwanted).toBe(fileCount > threshold);
        // Whatever a forecast says, it keeps no mount target away.
        for (const effectiveThreshold of [threshold, threshold + 3]) {
          expect(decide({ ...account, fileCount, effectiveThreshold }, settings)).toEqual(decision);
        }
        if (decision.action !== "create") return;
        const taken = account.mountTargets.filter(({ state }) => state !== "deleted");
        expect(taken.map(({ availabilityZone }) => availabilityZone)).not.toContain(decision.subnet.availabilityZone);
        expect(taken.length).toBeLessThan(limits.maxMountTargets ?? Number.POSITIVE_INFINITY);
      }),
    );
  });

  test("and only then does a run of three files add a mount target", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 6 }), async (threshold) => {
        account.reset({ zones: ["a", "b"], occupied: ["a"] });
        const result = await account.run({ environment: { FILE_COUNT_THRESHOLD: `${threshold}` } });
        expect(result.statusCode).toBe(200);
        expect(account.state.mountTargets).toHaveLength(3 > threshold ? 2 : 1);
      }),
      { numRuns: 20 },
    );
  });
});

describe("3. a mount table survives the round trip through SSM unchanged", () => {
  /** What a standard parameter holds. */
  const MAX_PARAMETER_BYTES = 4096;
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
    .chain((mount_targets) => unknownKeys.map((unknown): MountTable => ({ ...unknown, mount_targets })))
    .filter((table) => Buffer.byteLength(serializeMountTable(table)) <= MAX_PARAMETER_BYTES);

  test("for any table that a standard parameter holds, of any type of parameter", async () => {
    const aws = { ...account.clients(), signal: never };
    await fc.assert(
      fc.asyncProperty(mountTable, fc.constantFrom("String", "SecureString"), async (table, type) => {
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
  let world: MonitorWorld;
  beforeAll(async () => {
    world = await MonitorWorld.start();
  });
  afterAll(() => world.close());

  const zone = fc.constantFrom("a", "b", "c", "d");
  const scenario = fc.record({
    zones: fc.array(zone, { minLength: 1, maxLength: 5 }),
    occupied: fc.subarray(["a", "b", "c", "d"], { minLength: 1 }),
    maxMountTargets: fc.constantFrom(undefined, 1, 2, 3),
  });
  const subnetChange = fc.constantFrom({}, {}, { addresses: [] }, { supportsEfs: false });

  test("for any subnets, and any faults at any calls of a run", async () => {
    const fault = fc.tuple(fc.nat(14), fc.constantFrom(...FAULTS));
    await fc.assert(
      fc.asyncProperty(
        scenario,
        fc.array(subnetChange, { minLength: 5, maxLength: 5 }),
        fc.boolean(),
        fc.array(fault, { minLength: 1, maxLength: 3 }),
        async (deployed, changes, isThresholdPassed, faults) => {
          world.reset(deployed);
          world.change((state) => ({
            ...state,
            subnets: state.subnets.map((one, index) => ({ ...one, ...changes[index] })),
          }));
          await world.run({ ...CLEAN_RUN, isThresholdPassed, faults: new Map(faults) });
          expect(world.violations).toEqual([]);
          for (let run = 0; run < 3; run++) await world.run(CLEAN_RUN);
          expect(world.violations).toEqual([]);
          expect(disagreementsOf(world.state)).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });
});
