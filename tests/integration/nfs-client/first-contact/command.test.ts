/** First contact as its users run it: arguments, output, exit codes and signals. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { startTargets, type TestTargets } from "./servers.ts";

const COMMAND = "packages/nfs-client/src/first-contact/main.ts";

function urlsOf({ servers }: TestTargets): string[] {
  return servers.map(({ host, port }) => `nfs://${host}:${port}/data`);
}

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", COMMAND, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, ended: ending(child) };
}

async function ending(child: ChildProcessByStdio<null, Readable, Readable>) {
  const [[code], output, errors] = await Promise.all([once(child, "exit"), text(child.stdout), text(child.stderr)]);
  return { code: Number(code), output, errors };
}

test("prints one page, and with --json one line of JSON at its end", async () => {
  const targets = await startTargets("efs");
  const { code, output, errors } = await start(...urlsOf(targets), "--quick", "--json").ended;
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const lines = output.trimEnd().split("\n");
  expect(lines.filter((line) => line.startsWith("{"))).toHaveLength(1);
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
    maxOperations: 8,
    slots: 8,
    maxRequestBytes: 1024 * 1024 + 4096,
    anonymousRead: true,
    currentStateid: true,
    verify: true,
    link: true,
    sessionSurvivesReconnect: false,
    clientsSharedAcrossTargets: false,
    leaseSeconds: 90,
  });
  expect(output).toMatch(/^First contact: 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+\n/);
  expect(output).toContain("What the router assumes, and what it does");
  expect(await targets.files()).toEqual(["data"]);
});

test.each(["SIGINT", "SIGTERM"] as const)("removes everything after %s", async (signal) => {
  const targets = await startTargets("full");
  const { child, ended } = start(...urlsOf(targets));
  await expect.poll(async () => (await targets.files()).length).toBeGreaterThan(2);
  child.kill(signal);
  const { code, output, errors } = await ended;
  expect({ code, output }).toEqual({ code: 130, output: "" });
  expect(errors).toMatch(/^first-contact: (Interrupted|The operation was aborted)\n$/);
  expect(await targets.files()).toEqual(["data"]);
  await expect.poll(targets.state).toEqual({ connections: 0, clients: 0 });
});

test.each([
  ["The URL of a mount target is missing", []],
  ['"http://127.0.0.1/data" is neither nfs://HOST[:PORT]/PATH nor /PATH', ["http://127.0.0.1/data"]],
  ['"/data" names no server: nfs://HOST[:PORT]/PATH', ["/data"]],
  ["127.0.0.2:2049 has another path than /data: all must have the same", ["nfs://127.0.0.1/data", "nfs://127.0.0.2/"]],
  ['--timeout is a whole number from 1 to 3600, not "soon"', ["nfs://127.0.0.1/", "--timeout", "soon"]],
  ['--timeout is a whole number from 1 to 3600, not "0"', ["nfs://127.0.0.1/", "--timeout", "0"]],
  ['--uid is a whole number from 0 to 4294967295, not "me"', ["nfs://127.0.0.1/", "--uid", "me"]],
  ["Unknown option '--fast'", ["nfs://127.0.0.1/", "--fast"]],
])("bad arguments are refused with the usage: %s", async (message, args) => {
  const { code, output, errors } = await start(...args).ended;
  expect({ code, output }).toEqual({ code: 2, output: "" });
  expect(errors).toContain(`first-contact: ${message}`);
  expect(errors).toContain("Usage: first-contact nfs://HOST[:PORT]/PATH");
});

test("a server that is not there is an error", async () => {
  const targets = await startTargets("full", {}, 1);
  const urls = urlsOf(targets);
  await targets.servers[0]?.close();
  const { code, errors } = await start(...urls).ended;
  expect(code).toBe(1);
  expect(errors).toMatch(/^first-contact: Cannot connect to 127\.0\.0\.1:\d+: /);
});

test("--help says how to use it", async () => {
  const { code, output } = await start("--help").ended;
  expect(code).toBe(0);
  expect(output).toContain("Usage: first-contact nfs://HOST[:PORT]/PATH");
});
