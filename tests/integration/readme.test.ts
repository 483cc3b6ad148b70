/** What the README says to type while `npm run local` runs. The commands of README.ja.md are compared with these elsewhere. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { debianProgram, pythonProgram } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { type Part, readPage } from "../unit/docs/page.ts";

const addresses = z.object({ api: z.string(), s3: z.string() });

/** Milliseconds for a block to end. Nothing takes so long but what hangs. */
const TIME_LIMIT = 120_000;

/** Milliseconds from SIGINT to SIGKILL. */
const STOP_TIMEOUT = 30_000;

// What did not end in time is to be told of before its test is over.
vi.setConfig({ testTimeout: TIME_LIMIT + 30_000, hookTimeout: TIME_LIMIT });

const README = readPage("README.md").parts;

let home: string;
let local: ChildProcessByStdio<null, Readable, null>;
let ended: Promise<unknown>;
let api: string;
let s3: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "readme-"));
  // What is typed shows an error of the service and goes on. Here it ends the block.
  await writeFile(join(home, ".curlrc"), "fail-with-body\nsilent\nshow-error\n");
  // Two local runs at once cannot have the same ports.
  const options = ["--json", "--port", "0", "--s3-port", "0"];
  const parameters = ["--import", "tsx", "local/main.ts", ...options];
  local = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "inherit"] });
  ended = once(local, "exit");
  const lines = createInterface({ input: local.stdout });
  const [line] = await Promise.race([once(lines, "line"), once(lines, "close")]);
  ({ api, s3 } = addresses.parse(JSON.parse(line ?? "null")));
});

afterAll(async () => {
  local?.kill("SIGINT");
  const impatience = setTimeout(() => local?.kill("SIGKILL"), STOP_TIMEOUT);
  await ended;
  clearTimeout(impatience);
  await rm(home, { recursive: true, force: true });
});

function start(block: string) {
  const script = block.replaceAll("http://localhost:8000", api).replaceAll("http://localhost:8001", s3);
  const env = { PATH: process.env.PATH, HOME: home, LANG: "C.UTF-8" };
  // With all that it starts, it is a group of processes of its own.
  const typed = spawn("bash", ["-euo", "pipefail", "-c", script], { env, detached: true });
  const impatience = setTimeout(() => endGroup(typed), TIME_LIMIT);
  typed.once("close", () => clearTimeout(impatience));
  return typed;
}

function endGroup({ pid, exitCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null) process.kill(-pid, "SIGKILL");
}

/** Resolves with what it printed. */
async function type(block: string): Promise<string> {
  const typed = start(block);
  const [stdout, stderr, [code]] = await Promise.all([text(typed.stdout), text(typed.stderr), once(typed, "close")]);
  if (code !== 0) throw new Error(`It ended with ${code}: ${stderr}`);
  return stdout;
}

describeRequiring([debianProgram("curl", "curl"), debianProgram("tar", "tar")], "curl", () => {
  const [requests = "", events = ""] = blocksBelow("curl");

  test("writes, reads, lists and deletes", async () => {
    const readme = await readFile("README.md", "utf8");
    const printed = await type(requests);
    expect(printed).toContain(readme);
    expect(printed).toMatch(new RegExp(`^content-length: ${Buffer.byteLength(readme)}\r$`, "im"));
    for (const name of ["log", "new.md", "readme.md"]) expect(printed).toContain(`"name":"${name}"`);
    expect(printed).toMatch(/ readme\.md$/m);
    expect(printed).toContain(Buffer.from("one more line").toString("base64"));
    expect(await (await fetch(`${api}/files/2026/readme.md`)).text()).toBe(readme);
    const gone = await Promise.all(["2026/new.md", "copy/readme.md"].map((name) => fetch(`${api}/files/${name}`)));
    expect(gone.map(({ status }) => status)).toEqual([404, 404]);
  });

  test("follows what changes", async () => {
    const following = start(events);
    onTestFinished(() => endGroup(following));
    for await (const line of createInterface({ input: following.stdout })) {
      // The first event says that it listens.
      if (line.startsWith("id:")) await fetch(`${api}/files/2026/followed`, { method: "PUT", body: "x" });
      if (line.startsWith("data:")) {
        expect(line).toContain('"path":"2026/followed"');
        return;
      }
    }
    throw new Error("It ended without a change");
  });
});

describeRequiring([pythonProgram("aws", "awscli"), debianProgram("curl", "curl")], "aws s3", () => {
  test("copies, lists, and finds the file where curl does", async () => {
    const [block = ""] = blocksBelow("aws s3");
    const printed = await type(block);
    expect(printed).toMatch(/^\S+ \S+ +\d+ README\.md$/m);
    expect(printed).toContain(await readFile("README.md", "utf8"));
  });
});

test("import writes and reads", async () => {
  const [block = ""] = blocksBelow("import");
  expect(await type(block)).toBe("Hello, EFS!\n");
});

describeRequiring([debianProgram("curl", "curl")], "the command line nfs", () => {
  test("puts, lists and reads at a mount target", async () => {
    const [block = ""] = codeOf(README).filter((code) => code.includes("npm run nfs -- put"));
    const printed = await type(block);
    expect(printed).toContain("hello.md");
    expect(printed).toContain(await readFile("README.md", "utf8"));
  });
});

function blocksBelow(heading: string): string[] {
  const at = README.findIndex(({ kind, text }) => kind === "heading 3" && text === heading);
  if (at < 0) throw new Error(`README.md has no heading ${heading}`);
  const rest = README.slice(at + 1);
  const end = rest.findIndex(({ kind }) => kind.startsWith("heading"));
  return codeOf(rest.slice(0, end));
}

function codeOf(parts: readonly Part[]): string[] {
  return parts.filter(({ kind }) => kind === "code block of sh").flatMap(({ code }) => code);
}
