/** Many small files in few COMPOUNDs, with the result that each has alone. */
import { createHash } from "node:crypto";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import fc from "fast-check";
import { connectNfs, type NfsClient, NfsStatusError, onDiagnostics } from "nfs-client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../../local/machine/temporary-directory.ts";
import { describeEachFileServer, type FileServer } from "../../support/nfs-servers.ts";

const KIBIBYTE = 1024;

interface Step {
  readonly name: string;
  readonly do: "look" | "read" | "read content" | "write" | "remove";
}

/** Some of them are missing, a directory, below a file, or larger than what many share. */
const NAMES = ["a", "b", "sub/c", "sub/d", "missing", "gone/e", "sub", "a/below", "large", "sub/deeper/f"];

const step: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom(...NAMES),
  do: fc.constantFrom<Step["do"]>("look", "read", "read content"),
});

const SIZES: Readonly<Record<string, number>> = {
  a: 10,
  b: 0,
  "sub/c": 16 * KIBIBYTE,
  "sub/d": 16 * KIBIBYTE + 1,
  large: 120_000,
  "sub/deeper/f": 4 * KIBIBYTE,
};

function contentOf(name: string): Buffer {
  return Buffer.alloc(SIZES[name] ?? 0, name);
}

describeEachFileServer("operations together", (start) => {
  let server: FileServer;
  let client: NfsClient;
  const at = (path: string) => `${server.root}/${path}`;

  beforeAll(async () => {
    server = await start();
    client = await server.connect();
    for (const name of Object.keys(SIZES)) await client.writeFile(at(`tree/${name}`), contentOf(name));
  });

  afterAll(async () => {
    await client?.close();
    await server?.stop();
  });

  async function perform({ name, do: what }: Step, together: boolean): Promise<unknown> {
    const path = at(`tree/${name}`);
    if (what === "look") return client.stat(path, { together });
    if (what === "read") {
      const { attributes, data } = await client.readFile(path, { together });
      return { attributes, data: digestOf(data) };
    }
    const content = await client.readContent(path, { together, maximum: 100_000 });
    return content === undefined ? "too large" : digestOf(content);
  }

  test("have the results that each has alone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const settled = await Promise.allSettled(steps.map((each) => perform(each, true)));
        const alone = await Promise.allSettled(steps.map((each) => perform(each, false)));
        expect(settled.map(meaningOf)).toEqual(alone.map(meaningOf));
      }),
      { numRuns: 20 },
    );
  });

  test("read many small files at once: each as alone, or left to be read alone", async () => {
    const request = fc.record({ name: fc.constantFrom(...NAMES), guess: fc.constantFrom("right", "short", "long") });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 60 }), async (requests) => {
        const sizeOf = (name: string, guess: string) =>
          Math.max(0, (SIZES[name] ?? 5) + (guess === "short" ? -1 : guess === "long" ? 1 : 0));
        const wanted = requests.map(({ name, guess }) => ({ path: at(`tree/${name}`), size: sizeOf(name, guess) }));
        const found = await client.readSmallFiles(wanted);
        expect(found).toHaveLength(requests.length);
        for (const [index, file] of found.entries()) {
          if (file === undefined) continue;
          const alone = await client.readFile(wanted[index]?.path ?? "");
          expect([file.attributes, digestOf(file.data)]).toEqual([alone.attributes, digestOf(alone.data)]);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("remove many files at once: each is removed, or left to be removed alone", async () => {
    const names = Array.from({ length: 60 }, (_, index) => `removed/${index % 3}/${index}`);
    const others = ["removed/missing", "removed/0/kept"];
    await client.writeFile(at("removed/0/kept/file"), Buffer.from("x"));
    await Promise.all(names.map((name) => client.writeFile(at(name), Buffer.from(name), { together: true })));
    const wanted = [...names.slice(0, 30), ...others, ...names.slice(30)];
    const results = await client.removeFiles(wanted.map(at));
    const removed = wanted.filter((_, index) => {
      const result = results[index];
      return result?.status === "fulfilled" && result.value !== undefined;
    });
    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(removed).toContain(names[0]);
    expect(removed.filter((name) => others.includes(name))).toEqual([]);
    for (const name of names) expect([name, await client.exists(at(name))]).toEqual([name, !removed.includes(name)]);
    expect(await client.exists(at("removed/0/kept/file"))).toBe(true);
  });

  test("write, and remove, each file by itself", async () => {
    const names = Array.from({ length: 60 }, (_, index) => `made/${index % 3}/${index}`);
    await client.writeFile(at("made/0/blocked/file"), Buffer.from("x"));
    const blocked = [...names, "made/0/blocked"];
    const written = await Promise.allSettled(
      blocked.map((name) => client.writeFile(at(name), Buffer.from(name), { together: true })),
    );
    expect(written.map(({ status }) => status)).toEqual([...names.map(() => "fulfilled"), "rejected"]);
    for (const name of names) expect((await server.stored.read(name)).toString()).toBe(name);

    const removed = await Promise.allSettled(
      ["made/0/missing", ...blocked].map((name) => client.remove(at(name), { together: true })),
    );
    expect(removed.map(({ status }) => status)).toEqual(["rejected", ...names.map(() => "fulfilled"), "rejected"]);
    expect(removed[0]).toMatchObject({ reason: { status: "NFS4ERR_NOENT" } });
    expect(await server.stored.list("made/0")).toEqual(["blocked"]);
    expect(await server.stored.list("made/1")).toEqual([]);
  });
});

const digestOf = (data: Buffer) => createHash("sha256").update(data).digest("hex");

function meaningOf(settled: PromiseSettledResult<unknown>): unknown {
  if (settled.status === "fulfilled") return settled.value;
  const { reason } = settled;
  // Which of a COMPOUND's operations it is of depends on what the client has learned of the server by then.
  return reason instanceof NfsStatusError ? reason.status : reason;
}

describe("the COMPOUNDs of operations together", () => {
  let directory: TemporaryDirectory;
  let server: NfsServer;
  let client: NfsClient;
  const compounds: (readonly string[])[] = [];
  let end: () => void;

  beforeAll(async () => {
    directory = await makeTemporaryDirectory("together-");
    server = await startNfsServer({ directory: directory.path, durable: false, dialect: { maximumOperations: 100 } });
    client = await connectNfs({ host: server.host, port: server.port });
    const names = Array.from({ length: 100 }, (_, index) => `/data/dir/${index}`);
    await Promise.all(names.map((name) => client.writeFile(name, Buffer.from(name))));
    end = onDiagnostics("nfs-client:compound", ({ operations }) => compounds.push(operations));
  });

  afterAll(async () => {
    end?.();
    await client?.close();
    await server?.close();
    await directory?.remove();
  });

  const names = () => Array.from({ length: 100 }, (_, index) => `/data/dir/${index}`);

  async function countOf(operation: (path: string) => Promise<unknown>): Promise<number> {
    compounds.length = 0;
    await Promise.all(names().map(operation));
    return compounds.length;
  }

  test("have three operations a file to read it or look at it, and one to remove it", async () => {
    expect(await countOf((path) => client.stat(path, { together: true }))).toBe(4);
    expect(await countOf((path) => client.readContent(path, { together: true, maximum: KIBIBYTE }))).toBe(4);
    expect(await countOf((path) => client.readFile(path, { together: true }))).toBe(5);
    expect(await countOf((path) => client.writeFile(path, Buffer.from("x"), { together: true }))).toBeLessThanOrEqual(
      13,
    );
    expect(await countOf((path) => client.remove(path, { together: true }))).toBe(2);
    await Promise.all(names().map((path) => client.writeFile(path, Buffer.from("x"), { together: true })));
    compounds.length = 0;
    expect(await client.removeFiles(names())).not.toContainEqual({ status: "fulfilled", value: undefined });
    expect(compounds).toHaveLength(2);
  });

  test("are as few for many small files that are read at once", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `/data/dir/${index}`);
    await Promise.all(names.map((name) => client.writeFile(name, Buffer.from(name))));
    compounds.length = 0;
    const found = await client.readSmallFiles(names.map((path) => ({ path, size: path.length })));
    expect(found.map((each) => each?.data.toString())).toEqual(names);
    expect(compounds).toHaveLength(5);
  });

  test("are as few again behind a file that fits into no reply", async () => {
    const small = { directory: directory.path, durable: false, dialect: { maximumMessageBytes: 64 * KIBIBYTE } };
    const limited = await startNfsServer(small);
    onTestFinished(() => limited.close());
    const other = await connectNfs({ host: limited.host, port: limited.port });
    onTestFinished(() => other.close());
    const names = Array.from({ length: 100 }, (_, index) => `/data/dir/${index}`);
    const countRead = async () => {
      compounds.length = 0;
      const found = await other.readSmallFiles(names.map((path) => ({ path, size: 1 })));
      expect(found).not.toContain(undefined);
      return compounds.length;
    };
    await Promise.all(names.map((name) => other.writeFile(name, Buffer.from("x"))));
    const before = await countRead();
    await other.writeFile("/data/large", Buffer.alloc(100 * KIBIBYTE));
    expect(await other.readSmallFiles([{ path: "/data/large", size: 100 * KIBIBYTE }])).toEqual([undefined]);
    expect(await countRead()).toBe(before);
  });

  test("are one a file where nobody asks for them", async () => {
    const names = Array.from({ length: 5 }, (_, index) => `/data/dir/${index}`);
    await Promise.all(names.map((path) => client.writeFile(path, Buffer.from("x"))));
    compounds.length = 0;
    await Promise.all(names.map((path) => client.stat(path)));
    expect(compounds).toHaveLength(5);
  });
});
