/** The stack with a double for the router, and the real monitor and NFS servers. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PARAMETER_NAME, TARGET_DIRECTORY } from "../../../local/environments.ts";
import type { Invocation } from "../../../local/lambda/messages.ts";
import type { LogLine } from "../../../local/logs/log-line.ts";
import { type StackOptions, startStack } from "../../../local/stack.ts";

const READY_ROUTER = `
  const { createServer } = require("node:http");
  const { HOST, PORT } = process.env;
  createServer((request, response) => response.end(JSON.stringify(process.env))).listen(PORT, HOST);
  process.on("SIGTERM", () => process.exit(0));
`;
const CRASHING_ROUTER = `console.log(JSON.stringify({ level: "FATAL", msg: "No mount target" })); process.exit(1);`;

let directory: string;
let temporary: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "stack-test-"));
  temporary = join(directory, "tmp");
  await mkdir(temporary);
  vi.stubEnv("TMPDIR", temporary);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

async function start(router: string, change: Partial<StackOptions> = {}) {
  const path = join(directory, "router.cjs");
  await writeFile(path, router);
  const lines: LogLine[] = [];
  const runs: Invocation[] = [];
  const starting = startStack({
    tasks: 2,
    mountTargets: 2,
    fileCountThreshold: 3,
    monitorInterval: 200,
    mountTargetCreationDelay: 200,
    bundles: { router: path, monitor: join(process.cwd(), "dist/file-monitor/index.cjs") },
    log: (line) => lines.push(line),
    onMonitorRun: (invocation) => runs.push(invocation),
    signal: new AbortController().signal,
    ...change,
  });
  return { starting, lines, runs };
}

/** The processes that this one has started and that still run. */
function children(): string[] {
  const processes = execFileSync("ps", ["-A", "-o", "ppid=,pid=,args="], { encoding: "utf8" }).split("\n");
  return processes.filter((line) => new RegExp(`^\\s*${process.pid}\\s`).test(line) && !line.includes("ps -A"));
}

async function expectNothingLeft(before: readonly string[]) {
  expect(children().filter((line) => !before.includes(line))).toEqual([]);
  expect(await readdir(temporary)).toEqual([]);
}

test("files above the threshold bring the third mount target, the new table and new tasks; close leaves nothing", async () => {
  const before = children();
  const { starting, runs } = await start(READY_ROUTER);
  const stack = await starting;
  const environment = await (await fetch(stack.url)).json();
  expect(environment).toMatchObject({
    AWS_ENDPOINT_URL: stack.controlPlane.url,
    EFS_FILE_SYSTEM_ID: expect.stringMatching(/^fs-/),
    ROOT_DIRECTORY: "/data",
    SSM_PARAMETER_NAME: PARAMETER_NAME,
  });
  const table = () =>
    parseMountTable(stack.controlPlane.state().parameters.find(({ name }) => name === PARAMETER_NAME)?.value ?? "");
  const addresses = () => table().mount_targets.map(({ ip_address }) => ip_address);
  expect(addresses().sort()).toEqual(["127.0.0.11", "127.0.0.12"]);
  const oldTasks = stack.taskUrls();
  expect(oldTasks).toHaveLength(2);
  for (let i = 0; i < 4; i++) await writeFile(join(stack.fileSystemPath, TARGET_DIRECTORY, `file-${i}`), "");
  await vi.waitFor(
    () => {
      expect(addresses().sort()).toEqual(["127.0.0.11", "127.0.0.12", "127.0.0.13"]);
      expect(stack.taskUrls()).toHaveLength(2);
      expect(stack.taskUrls().filter((url) => oldTasks.includes(url))).toEqual([]);
    },
    { timeout: 60_000, interval: 50 },
  );
  expect(runs.map(({ outcome }) => outcome)).not.toContain("failed");
  await Promise.all([stack.close(), stack.close()]);
  await expectNothingLeft(before);
  await expect(fetch(stack.url)).rejects.toThrow();
});

test("a router that does not start is an error that says so, and leaves nothing", async () => {
  const before = children();
  const { starting, lines } = await start(CRASHING_ROUTER);
  await expect(starting).rejects.toThrow(/tasks failed to start/);
  expect(lines.map(({ text }) => text)).toContain('{"level":"FATAL","msg":"No mount target"}');
  await expectNothingLeft(before);
});

test("a missing bundle is an error that says what to do", async () => {
  const bundles = { router: "/nowhere/main.cjs", monitor: "/nowhere/index.cjs" };
  const { starting } = await start(READY_ROUTER, { bundles });
  await expect(starting).rejects.toThrow(/npm run build.*\/nowhere\/main\.cjs and no \/nowhere\/index\.cjs/);
});

test.each([0, 30, 300, 700, 1500])("interrupted %i ms after it began, it leaves nothing", async (milliseconds) => {
  const before = children();
  const interruption = new AbortController();
  const { starting } = await start(READY_ROUTER, { signal: interruption.signal });
  const reason = new Error("interrupted");
  setTimeout(() => interruption.abort(reason), milliseconds);
  const outcome = await starting.catch((error: unknown) => error);
  if (outcome instanceof Error) expect(outcome).toBe(reason);
  else await (outcome as Awaited<typeof starting>).close();
  await expectNothingLeft(before);
});
