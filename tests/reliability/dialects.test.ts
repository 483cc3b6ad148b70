/**
 * Servers that refuse much of what NFSv4.1 has, each in another way. The client does all it promises on each of them, or
 * says at once why it cannot. A model tells what the files must hold; the server itself tells what is left open.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Dialect,
  type NfsServer,
  OPTIONAL_ATTRIBUTES,
  PROFILES,
  type Profile,
  REFUSABLE_OPERATIONS,
} from "@efs-mount-autoscaling/nfs-server";
import fc from "fast-check";
import { etagOf, isMissing, type NfsClient, PreconditionError, ProtocolError } from "nfs-client";
import { describe, expect, test, vi } from "vitest";
import { connectNfs, startNfsServer } from "../support/nfs.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

/** Milliseconds. They are there for what hangs: a machine that has other work should not reach them. */
const TIMEOUTS = { connectTimeout: 60_000, operationTimeout: 120_000, silenceLimit: 60_000 };

const PATHS = ["/a", "/dir/b", "/dir/sub/c", "/deep/1/2/3/4/5/6/7/8/9/d", "/日本語 ディレクトリ/ü%20"] as const;

type Path = (typeof PATHS)[number];
type Condition = "none" | "absent" | "unchanged" | "outdated";

/** One step; `size` is how many bytes are written. */
type Step =
  | {
      readonly do: "write";
      readonly path: Path;
      readonly size: number;
      readonly when: Condition;
      readonly from: Source;
    }
  | { readonly do: "append"; readonly path: Path; readonly size: number; readonly when: Condition }
  | { readonly do: "remove"; readonly path: Path; readonly when: Exclude<Condition, "absent"> }
  | { readonly do: "read" | "read a range" | "look" | "list" | "make the directory"; readonly path: Path }
  | { readonly do: "append at once" | "write at once where absent"; readonly path: Path; readonly count: number }
  | { readonly do: "rename"; readonly path: Path; readonly to: Path };

type Source = "memory" | "stream";

/** What the files hold, and which directories there are. */
class Model {
  readonly files = new Map<Path, Buffer>();
  readonly directories = new Set<string>(["/"]);

  write(path: Path, data: Buffer): void {
    this.files.set(path, data);
    this.makeDirectories(path);
  }

  makeDirectories(path: Path): void {
    for (let at = directoryOf(path); at !== "/"; at = directoryOf(at)) this.directories.add(at);
  }

  /** The sorted names in a directory. */
  namesIn(directory: string): string[] {
    const entries = [...this.files.keys(), ...this.directories].filter((each) => each !== "/");
    return entries
      .filter((each) => directoryOf(each) === directory)
      .map(nameOf)
      .sort();
  }
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Why a client cannot work with such a server; nothing where it can. */
function reasonToRefuse(dialect: Dialect): RegExp | undefined {
  if (dialect.maximumOperations < 8) return new RegExp(`grants ${dialect.maximumOperations} operations.*at least 8`);
  if (dialect.maximumMessageBytes < 32 * KIBIBYTE) return new RegExp(`grants ${dialect.maximumMessageBytes} bytes`);
  if (dialect.unsupportedAttributes.includes("FILEID")) return /does not have the attributes fileId/;
  return undefined;
}

const counts = { dialects: 0, refused: 0, steps: 0, "left open or locked": 0 };

async function perform(client: NfsClient, model: Model, step: Step): Promise<void> {
  const { path } = step;
  const before = model.files.get(path);
  switch (step.do) {
    case "write": {
      const data = randomBytes(step.size);
      const when = await conditionOf(client, step.when, path);
      const source = step.from === "memory" ? data : inParts(data);
      const writing = client.writeFile(path, source, when === undefined ? {} : { when });
      model.makeDirectories(path);
      if (!holds(step.when, before)) return expect(writing).rejects.toBeInstanceOf(PreconditionError);
      const written = await writing;
      model.write(path, data);
      expect(written.size).toBe(step.size);
      expect(etagOf(await client.stat(path))).toBe(etagOf(written));
      return;
    }
    case "append": {
      const data = randomBytes(step.size);
      const when = await conditionOf(client, step.when, path);
      const appending = client.appendFile(path, data, when === undefined ? {} : { when });
      model.makeDirectories(path);
      if (!holds(step.when, before)) return expect(appending).rejects.toBeInstanceOf(PreconditionError);
      const appended = await appending;
      model.write(path, Buffer.concat([before ?? Buffer.alloc(0), data]));
      expect(appended.size).toBe((before?.length ?? 0) + step.size);
      expect(etagOf(await client.stat(path))).toBe(etagOf(appended));
      return;
    }
    case "append at once": {
      const parts = Array.from({ length: step.count }, (_, index) => Buffer.from(`<${index}>`));
      await Promise.all(parts.map((part) => client.appendFile(path, part)));
      const { data } = await client.readFile(path);
      const length = before?.length ?? 0;
      expect(data.subarray(0, length).equals(before ?? Buffer.alloc(0))).toBe(true);
      const found = data.subarray(length).toString();
      expect(found.match(/<\d>/g)?.sort()).toEqual(parts.map(String));
      model.write(path, data);
      return;
    }
    case "write at once where absent": {
      const race = await Promise.allSettled(
        Array.from({ length: step.count }, (_, index) =>
          client.writeFile(path, Buffer.from(`${index}`), { when: "absent" }),
        ),
      );
      const winners = [...race.keys()].filter((index) => race[index]?.status === "fulfilled");
      for (const each of race) if (each.status === "rejected") expect(each.reason).toBeInstanceOf(PreconditionError);
      expect(winners).toHaveLength(before === undefined ? 1 : 0);
      if (before === undefined) model.write(path, Buffer.from(`${winners[0]}`));
      return;
    }
    case "remove": {
      const when = await conditionOf(client, step.when, path);
      const removing = client.remove(path, typeof when === "object" ? { when } : {});
      if (before === undefined) {
        await expect(removing.catch((error) => isMissing(error))).resolves.toBe(true);
      } else if (holds(step.when, before)) {
        await removing;
        model.files.delete(path);
      } else await expect(removing).rejects.toBeInstanceOf(PreconditionError);
      return;
    }
    case "read": {
      const reading = client.readFile(path);
      if (before === undefined) return expect(reading).rejects.toThrow("NFS4ERR_NOENT");
      const { data, attributes } = await reading;
      expect(data.equals(before)).toBe(true);
      expect(attributes.size).toBe(before.length);
      return;
    }
    case "read a range": {
      if (before === undefined) return;
      const [start, length] = [Math.floor(before.length / 3), Math.ceil(before.length / 2)];
      const { data } = await client.readFile(path, { start, length });
      expect(data.equals(before.subarray(start, start + length))).toBe(true);
      return;
    }
    case "look": {
      expect(await client.exists(path)).toBe(before !== undefined);
      if (before !== undefined) expect(await client.stat(path)).toMatchObject({ type: "file", size: before.length });
      return;
    }
    case "list": {
      const directory = directoryOf(path);
      const listing = listNames(client, directory);
      if (!model.directories.has(directory)) return expect(listing).rejects.toThrow("NFS4ERR_NOENT");
      expect(await listing).toEqual(model.namesIn(directory));
      return;
    }
    case "make the directory": {
      await client.makeDirectory(directoryOf(path), { recursive: true });
      model.makeDirectories(path);
      return;
    }
    case "rename": {
      await client.makeDirectory(directoryOf(step.to), { recursive: true });
      model.makeDirectories(step.to);
      const renaming = client.rename(path, step.to);
      if (before === undefined) return expect(renaming).rejects.toThrow("NFS4ERR_NOENT");
      await renaming;
      model.files.delete(path);
      model.files.set(step.to, before);
      return;
    }
  }
}

async function conditionOf(client: NfsClient, when: Condition, path: Path) {
  if (when === "none") return undefined;
  if (when === "absent") return "absent";
  if (when === "outdated" || !(await client.exists(path))) return { etag: "1-1" };
  return { etag: etagOf(await client.stat(path)) };
}

function holds(when: Condition, before: Buffer | undefined): boolean {
  if (when === "none") return true;
  return when === "absent" ? before === undefined : when === "unchanged" && before !== undefined;
}

async function* inParts(data: Buffer): AsyncGenerator<Buffer> {
  const size = 50_000;
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function listNames(client: NfsClient, directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of client.readDirectory(directory)) names.push(name);
  return names.sort();
}

async function tryDialect(profile: Profile, changes: Partial<Dialect>, steps: readonly Step[]): Promise<void> {
  counts.dialects += 1;
  const directory = await mkdtemp(join(tmpdir(), "dialects-"));
  const server = await startNfsServer({ directory, profile, dialect: changes, durable: false });
  try {
    const reason = reasonToRefuse(server.dialect);
    const connecting = connectNfs({ host: server.host, port: server.port, ...TIMEOUTS });
    if (reason === undefined) await tryAll(server, await connecting, steps);
    else {
      counts.refused += 1;
      const error = await connecting.catch((refusal: unknown) => refusal);
      expect(error).toBeInstanceOf(ProtocolError);
      expect(String(error)).toMatch(reason);
    }
  } finally {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function tryAll(server: NfsServer, client: NfsClient, steps: readonly Step[]): Promise<void> {
  const model = new Model();
  try {
    for (const step of steps) {
      counts.steps += 1;
      await perform(client, model, step);
    }
    for (const path of PATHS) await perform(client, model, { do: "read", path });
    for (const directory of model.directories)
      expect(await listNames(client, directory)).toEqual(model.namesIn(directory));
    // Some opens are closed when nobody waits for it any more.
    await vi.waitFor(() => expect(openAndLocked(server)).toBe(0), { timeout: 60_000, interval: 2 });
  } finally {
    counts["left open or locked"] += openAndLocked(server);
    await client.close();
  }
}

function openAndLocked(server: NfsServer): number {
  const { opens, locks } = server.statistics();
  return opens + locks;
}

const paths = fc.constantFrom(...PATHS);
const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 5_000 }) },
  { weight: 3, arbitrary: fc.nat({ max: 200_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: MEBIBYTE - 8 * KIBIBYTE, max: 3 * MEBIBYTE }) },
);
const conditions = fc.constantFrom<Condition>("none", "none", "absent", "unchanged", "outdated");
const atOnce = fc.integer({ min: 2, max: 5 });

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      path: paths,
      size: sizes,
      when: conditions,
      from: fc.constantFrom<Source>("memory", "stream"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("append" as const), path: paths, size: sizes, when: conditions }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("remove" as const),
      path: paths,
      when: fc.constantFrom("none", "unchanged", "outdated"),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("read", "read a range", "look", "list", "make the directory"),
      path: paths,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("append at once", "write at once where absent"),
      path: paths,
      count: atOnce,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rename" as const), path: paths, to: paths }) },
);

/** Any subset of what a server may refuse. */
const refusals: fc.Arbitrary<Partial<Dialect>> = fc.record(
  {
    maximumOperations: fc.oneof(
      { weight: 1, arbitrary: fc.integer({ min: 2, max: 7 }) },
      { weight: 9, arbitrary: fc.integer({ min: 8, max: 24 }) },
    ),
    maximumSlots: fc.constantFrom(1, 2, 8),
    maximumMessageBytes: fc.oneof(
      { weight: 1, arbitrary: fc.integer({ min: 4 * KIBIBYTE, max: 32 * KIBIBYTE - 1 }) },
      { weight: 9, arbitrary: fc.integer({ min: 32 * KIBIBYTE, max: MEBIBYTE + 16 * KIBIBYTE }) },
    ),
    // What is left is sent again after each: with less, a few MiB would be hundreds of MiB on the wire.
    bytesAtOnce: fc.integer({ min: 64 * KIBIBYTE, max: MEBIBYTE }),
    unsupportedOperations: fc.subarray([...REFUSABLE_OPERATIONS]),
    unsupportedAttributes: fc.oneof(
      { weight: 1, arbitrary: fc.subarray([...OPTIONAL_ATTRIBUTES]) },
      { weight: 3, arbitrary: fc.subarray(OPTIONAL_ATTRIBUTES.filter((name) => name !== "FILEID")) },
    ),
    currentStateid: fc.boolean(),
    anonymousRead: fc.boolean(),
    clientRecords: fc.constantFrom("file-system", "mount-target", "connection"),
    locks: fc.constantFrom("file-system", "mount-target"),
    utf8Names: fc.boolean(),
    longFileHandles: fc.boolean(),
  },
  { requiredKeys: [] },
);

describe("a server of any dialect", () => {
  reportAtEnd("servers that refuse", () => counts);

  test("is used as promised, or refused with the reason, and has nothing open in the end", {
    timeout: 1_800_000,
  }, async () => {
    const profiles = fc.constantFrom(...(Object.keys(PROFILES) as Profile[]));
    await fc.assert(
      fc.asyncProperty(profiles, refusals, fc.array(steps, { minLength: 5, maxLength: 25, size: "max" }), tryDialect),
      { numRuns: rounds(30, 1000), seed, endOnFailure: true },
    );
    expect(counts.steps).toBeGreaterThan(counts.dialects);
  });
});
