/** The FastAPI application of the example, with the router's bundle beside it: as processes instead of containers. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { S3_ACCESS_KEYS_SECRET_ID } from "../../../local/environments.ts";
import { type Command, findOnPath, type Requirement } from "../../support/programs.ts";
import { describeRequiring } from "../../support/requirements.ts";
import { type S3Router, startS3Router } from "../../support/s3-router.ts";

const EXAMPLE = "examples/fastapi-sidecar";

const uvicorn: Requirement = {
  name: "uvicorn, in a Python that has fastapi, httpx and s3fs",
  howToGet: `pip install --requirement ${EXAMPLE}/requirements.txt`,
  installedByCi: true,
  find: () => {
    const command = findOnPath("uvicorn");
    const python = command && join(dirname(command[0]), "python3");
    return python && spawnSync(python, ["-c", "import fastapi, httpx, s3fs, uvicorn"]).status === 0
      ? command
      : undefined;
  },
};

describeRequiring([uvicorn], "the FastAPI application", ([command]) => {
  let router: S3Router;
  let application: Application;

  beforeAll(async () => {
    router = await startS3Router();
    application = await startApplication(command, router);
  });

  afterAll(async () => {
    await application?.stop();
    await router?.close();
  });

  const call = (method: string, path: string, body?: string | Uint8Array<ArrayBuffer>) =>
    fetch(`${application.url}${path}`, { method, body: body ?? null });

  test("writes and reads a document, which is a file and an object", async () => {
    expect((await call("PUT", "/documents/2026/a%20b%25.txt", "hello\n")).status).toBe(201);
    const read = await call("GET", "/documents/2026/a%20b%25.txt");
    expect([read.status, await read.text()]).toEqual([200, "hello\n"]);
    expect(read.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(await readFile(join(router.directory, "documents/2026/a b%.txt"), "utf8")).toBe("hello\n");
  });

  test("replaces a document whole, larger than a buffer", async () => {
    const large = new Uint8Array(20 * 2 ** 20).fill(7);
    expect((await call("PUT", "/documents/large", large)).status).toBe(201);
    expect((await call("PUT", "/documents/large", large.subarray(1))).status).toBe(204);
    const body = new Uint8Array(await (await call("GET", "/documents/large")).arrayBuffer());
    expect(Buffer.from(body).equals(large.subarray(1))).toBe(true);
    await call("PUT", "/documents/large", "");
  });

  test("appends: of many at once, nothing is lost", async () => {
    const lines = Array.from({ length: 30 }, (_, line) => `${line}\n`);
    const answers = await Promise.all(lines.map((line) => call("POST", "/documents/journal.log", line)));
    for (const { status } of answers) expect([201, 204]).toContain(status);
    const text = await (await call("GET", "/documents/journal.log")).text();
    expect(text.split("\n").sort()).toEqual(lines.join("").split("\n").sort());
  });

  test("lists and sums up with s3fs what was written with httpx", async () => {
    await call("PUT", "/documents/sums/a%20b.txt", "1\n2\n3\n");
    expect(await (await call("GET", "/documents?prefix=sums")).json()).toEqual([{ name: "sums/a b.txt", size: 6 }]);
    const summary = { "sums/a b.txt": 3 };
    expect(await (await call("POST", "/summary")).json()).toMatchObject(summary);
    expect(await (await call("GET", "/documents/summary.json")).json()).toMatchObject(summary);
  });

  test("says what is wrong", async () => {
    expect((await call("GET", "/documents/none")).status).toBe(404);
    for (const outside of ["..%2Fother", "a/..%2F..%2Fother", "a//b"]) {
      expect((await call("PUT", `/documents/${outside}`, "x")).status, outside).toBe(400);
    }
  });
});

interface Application {
  readonly url: string;
  /** Sends SIGTERM, as ECS does, and waits for the end. */
  stop(): Promise<void>;
}

async function startApplication([program, ...leading]: Command, router: S3Router): Promise<Application> {
  // As in its image: what idles is for clients to close.
  const options = ["--app-dir", EXAMPLE, "--port", "0", "--timeout-keep-alive", "75"];
  const child = spawn(program, [...leading, "main:app", ...options], {
    env: {
      PATH: process.env.PATH ?? "",
      PYTHONDONTWRITEBYTECODE: "1",
      FILES_URL: router.router.url,
      S3_URL: router.url,
      S3_ACCESS_KEYS_SECRET_ID,
      AWS_ENDPOINT_URL: router.router.controlPlane.url,
      AWS_REGION: "ap-northeast-1",
      AWS_ACCESS_KEY_ID: "APPLICATION",
      AWS_SECRET_ACCESS_KEY: "local",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += chunk;
  });
  const exited = once(child, "exit");
  const url = await vi.waitFor(
    () => {
      const [, its] = /Uvicorn running on (\S+)/.exec(log) ?? [];
      if (its === undefined) throw new Error(`uvicorn does not listen yet:\n${log}`);
      return its;
    },
    { timeout: 60_000, interval: 100 },
  );
  return { url, stop: () => stopProcess(child, exited) };
}

async function stopProcess(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill();
  await exited;
}
