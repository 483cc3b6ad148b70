/** Writers of files of their own, each of which reads what it wrote and appended: for either half of efs-files. */
import { type Files, isCode } from "efs-files";
import { expect } from "vitest";

const WRITERS = 8;

interface AppendLog {
  readonly path: string;
  /** All that was appended. */
  readonly lines: string[];
}

export class FilesLoad {
  readonly counts = { writes: 0, reads: 0, appends: 0, unknown: 0, wrong: 0, failed: 0 };
  /** What failed, and what was not as it was written. */
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

  /** Resolves when the writers have written and read this much more. */
  async progress(): Promise<void> {
    const goal = this.counts.reads + 10 * WRITERS;
    await expect.poll(() => this.counts.reads, { timeout: 60_000 }).toBeGreaterThan(goal);
  }

  async #write(path: string): Promise<void> {
    let log: AppendLog | undefined;
    for (let version = 0; this.#running; version++) {
      const content = `${version} `.repeat(500);
      await this.#noting(async () => {
        await this.#files.writeFile(path, content);
        this.counts.writes += 1;
        if ((await this.#files.readFile(path, "utf8")) !== content) this.#noteWrong(`${path} is not what was written`);
        this.counts.reads += 1;
        log ??= { path: `${path}.${version}.log`, lines: [] };
        if (!(await this.#append(log, `${version}\n`))) log = undefined;
      });
    }
  }

  /** False where nobody can tell whether the line was added: the file may stay locked then, and another one goes on. */
  async #append({ path, lines }: AppendLog, line: string): Promise<boolean> {
    try {
      await this.#files.appendFile(path, line);
    } catch (error) {
      if (!isCode(error, "ERR_OUTCOME_UNKNOWN")) throw error;
      this.counts.unknown += 1;
      return false;
    }
    this.counts.appends += 1;
    lines.push(line);
    const appended = await this.#files.readFile(path, "utf8");
    if (appended !== lines.join("")) this.#noteWrong(`${path} has ${appended}, and not ${lines.join("")}`);
    return true;
  }

  async #noting(task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      this.counts.failed += 1;
      this.failures.push(error);
    }
  }

  #noteWrong(what: string): void {
    this.counts.wrong += 1;
    this.failures.push(what);
  }
}

/**
 * Acts while files are written and read, which must go on, and of which nothing may go wrong.
 *
 * @returns What was counted, for the table at the end of the run.
 */
export async function underLoad(
  files: Files,
  during: string,
  act: (load: FilesLoad) => Promise<void>,
): Promise<Record<string, number>> {
  const load = new FilesLoad(files, during);
  try {
    await load.progress();
    await act(load);
    await load.progress();
  } finally {
    await load.stop();
  }
  expect(load.failures).toEqual([]);
  return Object.fromEntries(Object.entries(load.counts).map(([what, count]) => [`${what}, ${during}`, count]));
}
