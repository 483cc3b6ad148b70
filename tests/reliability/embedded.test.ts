/** Files without a router, while mount targets are killed and the mount table changes under them: nothing fails. */
import { type Files, isCode } from "efs-files";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EmbeddedFileSystem, startEmbeddedFileSystem } from "../support/embedded-files.ts";
import { reportAtEnd, rounds } from "../support/reliability.ts";

const WRITERS = 8;
const ROUNDS = rounds(3, 30);

/** Writers of files of their own, each of which reads what it wrote. */
class Load {
  readonly counts = { writes: 0, reads: 0, appends: 0, torn: 0, failed: 0 };
  readonly failures: unknown[] = [];
  readonly #files: Files;
  #running = true;
  readonly #writers: Promise<void>[];

  constructor(files: Files, name: string) {
    this.#files = files;
    this.#writers = Array.from({ length: WRITERS }, (_, index) => this.#write(`${name}/${index}`));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#writers);
  }

  /** Resolves when every writer has written and read this much more. */
  async progress(): Promise<void> {
    const goal = this.counts.reads + 10 * WRITERS;
    await expect.poll(() => this.counts.reads, { timeout: 60_000 }).toBeGreaterThan(goal);
  }

  async #write(path: string): Promise<void> {
    for (let version = 0; this.#running; version++) {
      const content = `${version} `.repeat(500);
      try {
        await this.#files.writeFile(path, content);
        this.counts.writes += 1;
        if ((await this.#files.readFile(path, "utf8")) !== content) this.counts.torn += 1;
        this.counts.reads += 1;
        await this.#append(`${path}.log`, `${version}\n`);
      } catch (error) {
        this.counts.failed += 1;
        this.failures.push(error);
      }
    }
  }

  /** Whether it was added cannot always be told, and is not repeated then. */
  async #append(path: string, line: string): Promise<void> {
    try {
      await this.#files.appendFile(path, line);
      this.counts.appends += 1;
    } catch (error) {
      if (!isCode(error, "ERR_OUTCOME_UNKNOWN")) throw error;
    }
  }
}

describe("files without a router", () => {
  let fileSystem: EmbeddedFileSystem;
  const total = { writes: 0, reads: 0, appends: 0, torn: 0, failed: 0 };

  beforeAll(async () => {
    fileSystem = await startEmbeddedFileSystem();
  });

  afterAll(() => fileSystem?.close());

  reportAtEnd("embedded", () => total);

  async function underLoad(files: Files, name: string, act: (load: Load) => Promise<void>): Promise<void> {
    const load = new Load(files, name);
    try {
      await load.progress();
      await act(load);
      await load.progress();
    } finally {
      await load.stop();
    }
    for (const key of ["writes", "reads", "appends", "torn", "failed"] as const) total[key] += load.counts[key];
    expect(load.failures).toEqual([]);
    expect(load.counts.torn).toBe(0);
  }

  test("go on while one mount target after the other is killed and comes back", async () => {
    const files = await fileSystem.open({ detectionTimeout: 2_000 });
    await underLoad(files, "killed", async (load) => {
      for (let round = 0; round < ROUNDS; round++) {
        await fileSystem.targets.restart(round % 3);
        await load.progress();
        await expect
          .poll(() => files.mountTargets.map(({ state }) => state), { timeout: 60_000 })
          .toEqual(["connected", "connected", "connected"]);
      }
    });
  });

  test("go on while the mount table grows, shrinks, and lists a target that retires", async () => {
    const all = fileSystem.table.mount_targets;
    const [first, second, third] = all;
    if (!first || !second || !third) throw new Error("There are too few mount targets");
    await fileSystem.publish({ mount_targets: [first] });
    const files = await fileSystem.open({ mountTableRefreshInterval: 0 });
    const listed = () => files.mountTargets.map(({ id, isRetiring }) => `${id}${isRetiring ? " retires" : ""}`);
    const retiring = { ...first, retiring_since: new Date().toISOString() };
    await underLoad(files, "reloaded", async (load) => {
      for (const table of [[first, second], all, [retiring, second, third], [second, third], [third], all]) {
        await fileSystem.publish({ mount_targets: table });
        files.reload();
        const expected = table.map((each) => `${each.mount_target_id}${"retiring_since" in each ? " retires" : ""}`);
        await expect.poll(listed, { timeout: 60_000 }).toEqual(expected);
        await load.progress();
      }
    });
    const spread = new Set(Array.from({ length: 100 }, (_, index) => files.routeOf(`spread/${index}`)[0]));
    expect(spread.size).toBe(3);
  });

  test("end what is in flight when they are closed, as far as there is time", async () => {
    const files = await fileSystem.open({ closeTimeout: 20_000 });
    await files.writeFile("closing", "x");
    const writing = Promise.all(Array.from({ length: 20 }, (_, index) => files.writeFile(`closing-${index}`, "x")));
    await files.close();
    await writing;
    await expect(files.readFile("closing")).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});
