import { setTimeout as sleep } from "node:timers/promises";
import { filePath, runBatch } from "@efs-mount-autoscaling/routed-files";
import { MemoryBudget } from "nfs-client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { MEBIBYTE } from "../../../../fargate-app/src/settings.ts";
import { MemoryNetwork, startTestRouter } from "../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";

const lineSchema = z.looseObject({ index: z.number(), status: z.number(), content: z.string().optional() });

let server: MemoryHttpServer;

beforeEach(async () => {
  server = await startMemoryServer();
});

afterEach(() => server.close());

function post(body: unknown): Promise<Response> {
  return fetch(`${server.url}/batch`, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
}

async function batch(items: readonly object[]): Promise<z.infer<typeof lineSchema>[]> {
  const response = await post({ items });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  return lines.map((line) => lineSchema.parse(JSON.parse(line)));
}

function put(path: string, content: string): Promise<Response> {
  return fetch(`${server.url}/files/${path}`, { method: "PUT", body: content });
}

const textOf = (base64 = "") => Buffer.from(base64, "base64").toString();

describe("POST /batch", () => {
  test("refuses a body that is not UTF-8, before another file than the one that was meant is deleted", async () => {
    await put("caf%EF%BF%BD", "another file");
    const [before, after] = ['{"items":[{"operation":"delete","path":"caf', '"}]}'];
    const body = Buffer.concat([Buffer.from(before), Buffer.from([0xe9]), Buffer.from(after)]);
    const response = await fetch(`${server.url}/batch`, { method: "POST", body });
    expect(response.status).toBe(400);
    expect((await fetch(`${server.url}/files/caf%EF%BF%BD`)).status).toBe(200);
  });

  test("answers each item in the order of the items, as it would have been answered alone", async () => {
    await put("a/one", "1");
    await put("a/%E6%97%A5%E6%9C%AC", "2");
    await put("c", "3");
    const lines = await batch([
      { operation: "read", path: "a/one" },
      { operation: "read", path: "missing" },
      { operation: "read", path: "a/日本" },
      { operation: "read", encodedPath: "a/%E6%97%A5%E6%9C%AC" },
      { operation: "read", path: "a" },
      { operation: "read", path: "a/one/below" },
      { operation: "read", path: "../etc/passwd" },
      { operation: "stat", path: "a" },
      { operation: "stat", path: "c" },
      { operation: "delete", path: "c" },
      { operation: "delete", path: "gone" },
      { operation: "delete", path: "a" },
      { operation: "delete", path: "" },
      { operation: "stat" },
    ]);
    expect(lines.map(({ index, status }) => [index, status])).toEqual(
      [200, 404, 200, 200, 409, 409, 400, 200, 200, 204, 404, 409, 400, 400].map((status, index) => [index, status]),
    );
    expect([0, 2, 3].map((index) => textOf(lines[index]?.content))).toEqual(["1", "2", "2"]);
    expect(lines[1]).toMatchObject({ problem: { status: 404, code: "NFS4ERR_NOENT" } });
    expect(lines[7]).toMatchObject({ type: "directory" });
    expect(lines[8]).toMatchObject({ type: "file", size: 1, etag: expect.stringMatching(/^"[0-9a-f]+-[0-9a-f]+"$/) });
    expect((await fetch(`${server.url}/files/c`)).status).toBe(404);
    expect((await fetch(`${server.url}/files/a/one`)).status).toBe(200);
  });

  test("has the entity tag of a file that is read where it is asked for, and deletes only what still has it", async () => {
    const etag = (await put("a", "old")).headers.get("etag");
    const [read] = await batch([{ operation: "read", path: "a", attributes: true }]);
    expect(read).toMatchObject({ status: 200, size: 3, etag });
    await put("a", "new");
    expect(await batch([{ operation: "delete", path: "a", ifMatch: etag }])).toMatchObject([{ status: 412 }]);
    const [now] = await batch([{ operation: "stat", path: "a" }]);
    expect(await batch([{ operation: "delete", path: "a", ifMatch: now?.etag }])).toMatchObject([{ status: 204 }]);
  });

  test("does 1,000 items, and no more", async () => {
    const paths = Array.from({ length: 1_000 }, (_, index) => `many/${index}`);
    for (const path of paths) server.network.files.write(`/data/${path}`, Buffer.from(path));
    const lines = await batch(paths.map((path) => ({ operation: "read", path })));
    expect(lines.map(({ content }) => textOf(content))).toEqual(paths);
    const tooMany = await post({ items: [...paths, "more"].map((path) => ({ operation: "stat", path })) });
    expect([tooMany.status, await tooMany.json()]).toMatchObject([400, { detail: expect.stringContaining("1000") }]);
  });

  test("does not read what is large, and says how large it may be", async () => {
    server.network.files.write("/data/large", Buffer.alloc(2 ** 20 + 1));
    server.network.files.write("/data/fits", Buffer.alloc(2 ** 20));
    for (const attributes of [false, true]) {
      const lines = await batch(["large", "fits"].map((path) => ({ operation: "read", path, attributes })));
      expect(lines).toMatchObject([
        { status: 413, problem: { detail: expect.stringContaining("1048576") } },
        { size: 2 ** 20 },
      ]);
    }
  });

  test.each([
    ["no JSON", "{"],
    ["no items", "{}"],
    ["an operation that there is not", { items: [{ operation: "append", path: "a" }] }],
    ["a field that there is not", { items: [{ operation: "delete", path: "a", "if-match": '"x"' }] }],
    ["a condition that is no entity tag", { items: [{ operation: "delete", path: "a", ifMatch: "x" }] }],
  ])("refuses %s as a whole, before anything is done", async (_name, body) => {
    await put("a", "1");
    expect((await post(body)).status).toBe(400);
    expect((await fetch(`${server.url}/files/a`)).status).toBe(200);
  });

  test("goes on at another mount target where one is lost", async () => {
    await server.close();
    const network = new MemoryNetwork(3);
    server = await startMemoryServer(network);
    const paths = Array.from({ length: 60 }, (_, index) => `many/${index}`);
    for (const path of paths) network.files.write(`/data/${path}`, Buffer.from(path));
    const [lost] = network.servers;
    if (lost) lost.state = "down";
    const lines = await batch(paths.map((path) => ({ operation: "read", path })));
    expect(lines.map(({ content }) => textOf(content))).toEqual(paths);
  });

  test("gives back the memory that it held", async () => {
    const paths = Array.from({ length: 100 }, (_, index) => `many/${index}`);
    for (const path of paths) server.network.files.write(`/data/${path}`, Buffer.from(path));
    const { memory } = server.router;
    await batch(paths.map((path) => ({ operation: "read", path })));
    expect(memory.reserved).toBe(0);
  });

  test.each([false, true])(
    "holds no more than memory allows of large files that nobody takes (attributes: %s)",
    async (attributes) => {
      const memory = new MemoryBudget(16 * MEBIBYTE);
      const { router, network } = await startTestRouter(undefined, { memory });
      const items = Array.from({ length: 100 }, (_, index) => {
        const path = filePath(`large/${index}`);
        network.files.write(`/data/${path}`, Buffer.alloc(MEBIBYTE, index));
        return { operation: "read", path, attributes } as const;
      });
      const bytesRead = () => router.targets.reduce((sum, { statistics }) => sum + statistics.bytesRead, 0);
      const contents: Buffer[] = [];
      let taken = 0;
      for await (const result of runBatch(items, { files: router, change: (change) => change() })) {
        if (result.status === "rejected" || result.value.operation !== "read") throw new Error("It was not read");
        const { content } = result.value;
        contents.push(content.subarray(0, 1));
        taken += content.length;
        await sleep(2);
        expect(bytesRead() - taken).toBeLessThanOrEqual(16 * MEBIBYTE);
      }
      expect(contents.map(([first]) => first)).toEqual(items.map((_, index) => index));
      expect(memory.reserved).toBe(0);
    },
  );

  test("gives back the memory of large files that nobody takes any more", async () => {
    const memory = new MemoryBudget(16 * MEBIBYTE);
    const { router, network } = await startTestRouter(undefined, { memory });
    network.files.write("/data/large", Buffer.alloc(MEBIBYTE));
    const items = Array.from(
      { length: 100 },
      () => ({ operation: "read", path: filePath("large"), attributes: false }) as const,
    );
    for await (const _ of runBatch(items, { files: router, change: (change) => change() })) break;
    await vi.waitFor(() => expect(memory.reserved).toBe(0));
  });
});
