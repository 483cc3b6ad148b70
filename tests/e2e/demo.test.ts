/** `npm run demo` and `npm run local`, as a user runs them. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

const FILES = 2_000;

let source: string;
let temporary: string;
const programs: ChildProcess[] = [];

beforeAll(async () => {
  source = await mkdtemp(join(tmpdir(), "demo-source-"));
  for (let directory = 0; directory < 20; directory++) {
    const path = join(source, `directory ${directory}`);
    await mkdir(path);
    for (let file = 0; file < FILES / 20; file++) {
      await writeFile(join(path, `${file}#ü.txt`), `${directory}/${file} `.repeat(1 + ((directory * file) % 40)));
    }
  }
  await writeFile(Buffer.concat([Buffer.from(`${source}/directory 1/x`), Buffer.from([0xe9])]), "not UTF-8");
});
afterAll(() => rm(source, { recursive: true }));

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "demo-test-"));
});
afterEach(async () => {
  for (const program of programs.splice(0)) program.kill("SIGKILL");
  await rm(temporary, { recursive: true });
});

/** A program of `local/`, with a directory of its own for temporary files. */
function run(...parameters: string[]) {
  const program = spawn(process.execPath, ["--import", "tsx", ...parameters], {
    env: { PATH: process.env.PATH, TMPDIR: temporary, TSX_DISABLE_CACHE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  programs.push(program);
  const output: string[] = [];
  const listeners = new Set<() => void>();
  for (const stream of [program.stdout, program.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      output.push(line);
      for (const listener of listeners) listener();
    });
  }
  const exited = once(program, "close").then(([code]) => code as number);
  /** Resolves when the program has printed this, and rejects when it ends before. */
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => output.some((line) => line.includes(text)) && resolve();
      listeners.add(look);
      look();
      void exited.then(() => reject(new Error(`It ended without "${text}":\n${output.join("\n")}`)));
    });
  return { program, output, exited, printed };
}

function processesOf(parent: number | undefined): number[] {
  const lines = execFileSync("ps", ["-A", "-o", "ppid=,pid="], { encoding: "utf8" }).trim().split("\n");
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([ppid, pid]) => (ppid === parent && pid !== undefined ? [pid] : []));
}

/** Those that are killed, and esbuild, which ends with its standard input, may take a moment more. */
async function expectEnded(pids: readonly number[]) {
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 60_000 });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("npm run demo", () => {
  test("adds a mount target under traffic, loses nothing, and says so in one line", async () => {
    const { output, exited } = run("local/demo.ts", "--json", "--source", source, "--seconds", "1");
    const code = await exited;
    expect(output.join("\n")).toContain(`Taking 2,000 of the 2,000 files in ${source}`);
    expect(output.join("\n")).toContain("1 entry is passed over:\n  directory 1/x%E9: its name is not UTF-8");
    expect({ code, output }).toMatchObject({ code: 0 });
    const result = JSON.parse(output.at(-1) ?? "");
    expect(result).toEqual({
      mountTargetsBefore: 2,
      mountTargetsAfter: 3,
      tasksRolled: 2,
      files: FILES,
      failedRequests: 0,
      mismatchedFiles: 0,
      readMBpsBefore: expect.any(Number),
      readMBpsAfter: expect.any(Number),
      shareByTarget: [expect.closeTo(1 / 3, 1), expect.closeTo(1 / 3, 1), expect.closeTo(1 / 3, 1)],
    });
    expect(result.readMBpsBefore).toBeGreaterThan(0);
    expect(result.readMBpsAfter).toBeGreaterThan(0);
    expect(await readdir(temporary)).toEqual([]);
  }, 240_000);

  test("--scenario shrink takes the third mount target away again, and says when", async () => {
    const { output, exited } = run("local/demo.ts", "--json", "--source", source, "--scenario", "shrink");
    const code = await exited;
    expect({ code, output }).toMatchObject({ code: 0 });
    const text = output.join("\n");
    expect(text).toContain("Time is compressed: one second is 6 minutes for the monitor and for AWS.");
    expect(text).toContain("began to retire the mount target in ap-northeast-1d");
    expect(text).toContain("deleted the mount target in ap-northeast-1d");
    const result = JSON.parse(output.at(-1) ?? "");
    expect(result).toEqual({
      scenario: "shrink",
      minutesPerSecond: 6,
      threshold: 1_818,
      files: 909,
      failedRequests: 0,
      mismatchedFiles: 0,
      targetsBySecond: expect.any(Array),
      thresholdPassedAtSecond: expect.any(Number),
      thirdTargetAtSecond: expect.any(Number),
      retiredAtSecond: expect.any(Number),
    });
    // An hour of few files is ten seconds.
    expect(result.retiredAtSecond - result.thirdTargetAtSecond).toBeGreaterThan(10);
    expect(new Set(result.targetsBySecond)).toEqual(new Set([2, 3]));
    expect(result.targetsBySecond.at(-1)).toBe(2);
    expect(await readdir(temporary)).toEqual([]);
  }, 240_000);

  test("it says early where to look, and there is a page", async () => {
    const { program, output, printed, exited } = run("local/demo.ts", "--source", source);
    await printed("In a browser:");
    await printed("/files/");
    for (const line of output.filter((line) => line.includes("http://"))) {
      const url = line.match(/http:\S+/)?.[0] ?? "";
      const response = await fetch(url, { headers: { accept: "text/html" } });
      expect(response.headers.get("content-type"), url).toContain("text/html");
    }
    program.kill("SIGINT");
    await exited;
  });

  test("a scenario that there is none of is refused", async () => {
    const { output, exited } = run("local/demo.ts", "--scenario", "decline");
    expect(await exited).toBe(1);
    expect(output.join("\n")).toContain("Allowed choices are growth, shrink, season.");
  });

  test.each(["Taking 2,000", "Copying in", "being rolled"])(
    "interrupted after “%s” it leaves no process and no file",
    async (text) => {
      const { program, printed, exited } = run("local/demo.ts", "--source", source, "--seconds", "1");
      await printed(text);
      const started = processesOf(program.pid);
      program.kill("SIGINT");
      expect(await exited).toBe(130);
      await expectEnded(started);
      expect(await readdir(temporary)).toEqual([]);
    },
    240_000,
  );

  test("a second signal ends it at once, and still leaves nothing", async () => {
    const { program, printed, exited } = run("local/demo.ts", "--source", source);
    await printed("Copying in");
    const started = processesOf(program.pid);
    expect(started.length).toBeGreaterThan(2);
    program.kill("SIGTERM");
    await printed("Once more ends at once");
    program.kill("SIGTERM");
    expect(await exited).toBe(143);
    await expectEnded(started);
    expect(await readdir(temporary)).toEqual([]);
  }, 120_000);

  test("with two regions: one is lost and comes back, and what was promised is kept", async () => {
    const { output, exited } = run("local/demo.ts", "--regions", "2", "--json");
    const code = await exited;
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(JSON.parse(output.at(-1) ?? "")).toEqual({
      rtoSeconds: expect.any(Number),
      rpoSeconds: expect.any(Number),
      acknowledgedLost: expect.any(Number),
      acknowledgedLostOlderThanLag: 0,
      lostAtFailback: 0,
      mismatchedFiles: 0,
      twoWriters: 0,
    });
    expect(await readdir(temporary)).toEqual([]);
  }, 360_000);

  test("with two regions, interrupted while one of them is gone, it leaves no process and no file", async () => {
    const { program, printed, exited } = run("local/demo.ts", "--regions", "2");
    await printed("Taking over in Osaka");
    const started = processesOf(program.pid);
    program.kill("SIGINT");
    expect(await exited).toBe(130);
    await expectEnded(started);
    expect(await readdir(temporary)).toEqual([]);
  }, 240_000);

  test("a source with too few files is refused", async () => {
    const { output, exited } = run("local/demo.ts", "--source", join(source, "directory 1"));
    expect(await exited).toBe(1);
    expect(output.join("\n")).toMatch(
      /directory 1 has 100 files of at most 128 KiB; the demo needs 2,000\n1 entry is passed over/,
    );
  });
});

test("npm run local: the curl lines that it shows work, and Ctrl-C ends it", async () => {
  const { program, output, printed, exited } = run("local/main.ts", "--port", "0", "--threshold", "2", "--every", "1");
  await printed("Ctrl-C stops everything");
  const url = /File API +(\S+)/.exec(output.join("\n"))?.[1] ?? "";
  for (const name of ["a", "b", "c"]) {
    const put = await fetch(`${url}/files/hello/${name}`, { method: "PUT", body: name });
    expect(put.ok).toBe(true);
  }
  expect(await (await fetch(`${url}/files/hello/b`)).text()).toBe("b");
  expect(await (await fetch(`${url}/files/hello/`)).text()).toContain('"c"');
  const started = processesOf(program.pid);
  program.kill("SIGINT");
  expect(await exited).toBe(0);
  await expectEnded(started);
  expect(await readdir(temporary)).toEqual([]);
}, 120_000);
