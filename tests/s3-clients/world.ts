/** What the suites of S3 clients share: a router, and a home for the client, with nothing of this machine's settings. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { vi } from "vitest";
import type { Command } from "../support/programs.ts";
import { ACCESS_KEY, type S3Router, startS3Router } from "../support/s3-router.ts";
import { readPage } from "../unit/docs/page.ts";
import { IS_FULL } from "./sizes.ts";

export interface World {
  readonly s3: S3Router;
  /** The client's home, which is also where it runs. */
  readonly home: string;
  /** A file of the client's home. */
  read(path: string): Promise<string>;
  write(path: string, content: string): Promise<void>;
  /**
   * Runs a program to its end, and returns what it printed.
   *
   * @throws {Error} with what it printed to its standard error, where it does not end with 0 or in time.
   */
  run(command: Command, ...args: readonly string[]): Promise<string>;
  /** How docs/s3.md configures a client, for this router. */
  configuration(client: string): string;
  close(): Promise<void>;
}

/** The folder of what clients in other languages run. */
export const SCRIPTS = import.meta.dirname;

/** Milliseconds for a program to end. Nothing takes so long but what hangs. */
const TIME_LIMIT = IS_FULL ? 3_600_000 : 300_000;

// What did not end in time is to be told of before its test is over.
vi.setConfig({ testTimeout: TIME_LIMIT + 30_000 });

export async function startWorld(): Promise<World> {
  const home = await mkdtemp(join(tmpdir(), "s3-client-"));
  const s3 = await startS3Router();
  const env = { PATH: process.env.PATH, HOME: home, LANG: "C.UTF-8" };
  return {
    s3,
    home,
    read: (path) => readFile(join(home, path), "utf8"),
    write: async (path, content) => {
      await mkdir(dirname(join(home, path)), { recursive: true });
      await writeFile(join(home, path), content);
    },
    run: async ([program, ...leading], ...args) => {
      const options = { cwd: home, env, timeout: TIME_LIMIT, maxBuffer: 2 ** 26 };
      const { stdout } = await promisify(execFile)(program, [...leading, ...args], options);
      return stdout;
    },
    configuration: (client) => configurationOf(client, s3.url),
    close: async () => {
      await s3.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The first code block below the client's heading. */
function configurationOf(client: string, url: string): string {
  const { parts } = readPage("docs/s3.md");
  const heading = parts.findIndex(({ kind, text }) => kind === "heading 3" && text === client);
  const block = parts.slice(heading).find(({ kind }) => kind.startsWith("code block"));
  if (heading < 0 || block === undefined) throw new Error(`docs/s3.md has no configuration of ${client}`);
  return block.code
    .join("\n")
    .replaceAll("127.0.0.1:8001", new URL(url).host)
    .replaceAll("SECRET_ACCESS_KEY", ACCESS_KEY.secretAccessKey)
    .replaceAll("ACCESS_KEY_ID", ACCESS_KEY.accessKeyId);
}
