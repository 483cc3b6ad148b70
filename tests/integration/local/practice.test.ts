/** A failover by hand, as docs/disaster-recovery.md lets an operator practise it. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { practise } from "../../../local/regions/practice.ts";

const TIMEOUT = { timeout: 120_000, interval: 100 };

let temporary: string;
const said: string[] = [];
const ending = new AbortController();
let practice: Promise<void> = Promise.resolve();

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "practice-test-"));
  vi.stubEnv("TMPDIR", temporary);
  vi.stubEnv("TSX_DISABLE_CACHE", "1");
});
afterEach(async () => {
  ending.abort(new Error("The test is over"));
  await practice.catch(() => {});
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true });
});

const text = () => said.join("\n");
const heard = (what: string) => vi.waitFor(() => expect(text()).toContain(what), TIMEOUT);

/** Runs the shell function that the program prints, as an operator who copied it. */
async function failover(...parameters: string[]): Promise<string> {
  const [definition = ""] = /^ *failover\(\) \{.*$/m.exec(text()) ?? [];
  const script = `${definition}\nfailover ${parameters.join(" ")} 2>&1`;
  const env = { ...process.env, AWS_ACCESS_KEY_ID: "me", AWS_SECRET_ACCESS_KEY: "local" };
  return (await promisify(execFile)("bash", ["-c", script], { env })).stdout;
}

async function write(url: string, content: string): Promise<void> {
  await vi.waitFor(async () => {
    expect((await fetch(`${url}/files/file`, { method: "PUT", body: content })).ok).toBe(true);
  }, TIMEOUT);
}

const replicated = (url: string, content: string) =>
  vi.waitFor(async () => expect(await (await fetch(`${url}/files/file`)).text()).toBe(content), TIMEOUT);

test("a region is lost, the other one takes over, and the first one comes back with all that was written", async () => {
  const input = new PassThrough();
  practice = practise({ input, say: (line) => said.push(line), log: () => {}, signal: ending.signal });
  await Promise.race([
    practice,
    vi.waitFor(() => expect(text()).toContain("Ctrl-C"), { ...TIMEOUT, timeout: 240_000 }),
  ]);
  const [, tokyo = ""] = /Tokyo, the primary +(\S+)/.exec(text()) ?? [];
  const [, osaka = ""] = /Osaka, its standby +(\S+)/.exec(text()) ?? [];
  await write(tokyo, "before");
  await replicated(osaka, "before");
  const status = await failover("status");
  expect(status).toMatch(/routers +│ answer, and take writes +│ answer, and take no writes: standby/);
  expect(status).toMatch(/^Looking at both regions …\n┌.*┘\nnext: nothing to do\n$/s);
  await expect(failover("standby-is-lost")).rejects.toMatchObject({ stdout: expect.stringContaining("--insist") });
  await expect(failover("promote")).rejects.toMatchObject({ stdout: expect.stringContaining("still answer") });

  input.write("LOSE Tokyo\n");
  await heard("tokyo is lost");
  input.write("lose tokyo\n");
  await heard("tokyo is lost already");
  await expect(fetch(tokyo)).rejects.toThrow();
  const promoted = await failover("promote");
  expect(promoted).toMatch(/ap-northeast-3 is the primary, without a standby\..* Its routers take writes/);
  const [loss = "nothing"] = /What was written in ap-northeast-1 after \S+ is lost/.exec(promoted) ?? [];
  expect(await failover("promote")).toContain(loss);
  await write(osaka, "meanwhile");

  input.write("restore tokyo\n");
  await heard("tokyo is back");
  expect((await fetch(`${tokyo}/files/file`, { method: "PUT", body: "lost" })).ok).toBe(false);
  const asked = setInterval(() => void fetch(`${osaka}/files/asked`, { method: "PUT", body: "x" }).catch(() => {}), 50);
  const came = await failover("failback");
  clearInterval(asked);
  expect(came).toContain("ap-northeast-1 is the primary, and ap-northeast-3 its standby");
  expect(came).toMatch(/Writes refused meanwhile: [1-9]\d*\./);
  expect(await (await fetch(`${tokyo}/files/file`)).text()).toBe("meanwhile");
  await write(tokyo, "afterwards");
  await replicated(osaka, "afterwards");
  input.write("help\n");
  await heard("Type here: lose tokyo, restore tokyo");
}, 600_000);
