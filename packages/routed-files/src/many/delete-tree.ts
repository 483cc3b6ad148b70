/** Removes a directory with all that is below it: many names at once, with a bound on what is in flight. */
import { isStatus, messageOf, NfsStatusError, OutcomeUnknownError } from "nfs-client";
import type { RoutedFiles } from "../routed-files.ts";
import { entryPath, type FilePath } from "../routing/path.ts";
import { TooManyFailuresError } from "./too-many-failures.ts";
import { whileRunning } from "./while-running.ts";

export interface DeletedCounts {
  readonly files: number;
  readonly directories: number;
}

export type DeletionReport =
  /** What was removed so far. */
  | ({ readonly kind: "progress" } & DeletedCounts)
  /** A name that was not removed. The directories above it are still there, too. */
  | { readonly kind: "failure"; readonly path: FilePath; readonly error: Error }
  /** The last one. With an error, the rest was not tried. */
  | ({ readonly kind: "end"; readonly failures: number; readonly error: Error | undefined } & DeletedCounts);

export interface DeleteTreeOptions {
  readonly files: RoutedFiles;
  /** Makes a change, where changes may be made: it fails where they may not. */
  readonly change: (change: () => Promise<void>) => Promise<void>;
  /** Milliseconds between two reports of progress. Default 1,000. */
  readonly progressInterval?: number;
}

/** Names that are removed at the same time. */
const MAX_IN_FLIGHT = 1_024;

/** Of them, those that are removed in one call: fewer than all, so that listing and removing go on side by side. */
const MAX_TOGETHER = 256;

/** Directories that are read at the same time, besides those above them. */
const MAX_DIRECTORIES = 64;

/** How often a directory is read again, to which others add names meanwhile. */
const MAX_ROUNDS = 5;

/** After so many failures, the rest is not tried. */
const MAX_FAILURES = 1_000;

/**
 * Removes the tree, and reports how it goes on. What is gone already is no failure: a run that was cut off is gone on with
 * by another one. It ends early where whoever takes the reports does.
 */
export async function* deleteTree(directory: FilePath, options: DeleteTreeOptions): AsyncGenerator<DeletionReport> {
  const deletion = new Deletion(options);
  const { progressInterval = 1_000 } = options;
  const running = deletion.run(directory);
  try {
    for await (const _ of whileRunning(running, progressInterval)) {
      yield* deletion.takeFailures();
      yield { kind: "progress", ...deletion.counts };
    }
    yield* deletion.takeFailures();
    const { counts, failures, error } = deletion;
    yield { kind: "end", ...counts, failures, error };
  } finally {
    deletion.stop();
    await running;
  }
}

interface Removal {
  readonly path: FilePath;
  readonly settle: (isGone: boolean) => void;
}

class Deletion {
  readonly #files: RoutedFiles;
  readonly #change: DeleteTreeOptions["change"];
  readonly #counts = { files: 0, directories: 0 };
  readonly #slots = new Slots(MAX_IN_FLIGHT);
  #gathered: Removal[] = [];
  #directories = 0;
  #failed: Extract<DeletionReport, { kind: "failure" }>[] = [];
  #failures = 0;
  #error: Error | undefined;
  #stopped = false;

  constructor({ files, change }: DeleteTreeOptions) {
    this.#files = files;
    this.#change = change;
  }

  get counts(): DeletedCounts {
    return { ...this.#counts };
  }

  get failures(): number {
    return this.#failures;
  }

  /** Why the rest was not tried. */
  get error(): Error | undefined {
    return this.#error;
  }

  takeFailures(): DeletionReport[] {
    return this.#failed.splice(0);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Never fails. */
  async run(directory: FilePath): Promise<void> {
    await this.#removeDirectory(directory);
  }

  /** Returns whether the directory is gone. */
  async #removeDirectory(path: FilePath): Promise<boolean> {
    for (let round = 1; !this.#stopped; round++) {
      if (!(await this.#removeEntries(path)) || this.#stopped) return false;
      try {
        await this.#change(() => this.#files.deleteFile(path, undefined, { together: true }));
        this.#counts.directories += 1;
        return true;
      } catch (error) {
        if (isStatus(error, "NFS4ERR_NOENT")) return true;
        // Somebody has added to it. Some file systems leave out names while others are removed, too.
        if (isStatus(error, "NFS4ERR_NOTEMPTY", "NFS4ERR_EXIST") && round < MAX_ROUNDS) continue;
        return this.#fail(path, error);
      }
    }
    return false;
  }

  /** Returns whether nothing is left of what was in the directory. */
  async #removeEntries(directory: FilePath): Promise<boolean> {
    const removals: Promise<boolean>[] = [];
    let isEmptied = true;
    const settle = async () => {
      const gone = await Promise.all(removals.splice(0));
      isEmptied &&= gone.every((each) => each);
    };
    try {
      for await (const { name, attributes } of this.#files.list(directory, { unfinished: true })) {
        if (this.#stopped) break;
        const path = entryPath(directory, name);
        if (attributes.type !== "directory") {
          await this.#slots.take();
          removals.push(this.#removeFile(path).finally(() => this.#slots.giveBack()));
        } else if (this.#directories < MAX_DIRECTORIES) removals.push(this.#besides(() => this.#removeDirectory(path)));
        else isEmptied = (await this.#removeDirectory(path)) && isEmptied;
        if (removals.length >= MAX_IN_FLIGHT) await settle();
      }
    } catch (error) {
      // It is gone, or is something else by now, which is removed as a whole.
      if (!isStatus(error, "NFS4ERR_NOENT", "NFS4ERR_NOTDIR")) isEmptied = this.#fail(directory, error);
    }
    await settle();
    return isEmptied;
  }

  async #besides(work: () => Promise<boolean>): Promise<boolean> {
    this.#directories += 1;
    try {
      return await work();
    } finally {
      this.#directories -= 1;
    }
  }

  /** Returns whether it is gone. It is removed with the others of the same turn of the event loop. */
  #removeFile(path: FilePath): Promise<boolean> {
    return new Promise((settle) => {
      if (this.#gathered.length === 0) setImmediate(() => void this.#removeGathered());
      this.#gathered.push({ path, settle });
      if (this.#gathered.length === MAX_TOGETHER) void this.#removeGathered();
    });
  }

  /** Never fails. */
  async #removeGathered(): Promise<void> {
    const gathered = this.#gathered;
    if (gathered.length === 0) return;
    this.#gathered = [];
    const results = this.#stopped ? [] : await this.#removeFiles(gathered.map(({ path }) => path));
    for (const [index, { path, settle }] of gathered.entries()) settle(this.#isGone(path, results[index]));
  }

  async #removeFiles(paths: readonly FilePath[]): Promise<PromiseSettledResult<void>[]> {
    let results: PromiseSettledResult<void>[] = [];
    let isReadOnly = false;
    try {
      await this.#change(async () => {
        results = await this.#files.deleteFiles(paths);
        const refusal = results.map(reasonOf).find((reason) => isStatus(reason, "NFS4ERR_ROFS"));
        isReadOnly = refusal !== undefined;
        // What that means, `change` knows.
        if (isReadOnly) throw refusal;
      });
      return results;
    } catch (reason) {
      const failed = { status: "rejected", reason } as const;
      return paths.map((_, index) => {
        const result = results[index];
        return isReadOnly && result?.status === "fulfilled" ? result : failed;
      });
    }
  }

  /** @param result Undefined where it was not tried. */
  #isGone(path: FilePath, result: PromiseSettledResult<void> | undefined): boolean {
    if (result === undefined) return false;
    if (result.status === "fulfilled") {
      this.#counts.files += 1;
      return true;
    }
    // Gone already, or a directory by now: the next round finds it.
    if (isStatus(result.reason, "NFS4ERR_NOENT", "NFS4ERR_NOTEMPTY", "NFS4ERR_EXIST")) return true;
    return this.#fail(path, result.reason);
  }

  /** Notes a failure of one name; any other one ends it all. */
  #fail(path: FilePath, cause: unknown): false {
    const error = cause instanceof Error ? cause : new Error(messageOf(cause));
    if (error instanceof NfsStatusError || error instanceof OutcomeUnknownError) {
      this.#failures += 1;
      this.#failed.push({ kind: "failure", path, error });
      if (this.#failures >= MAX_FAILURES) this.#end(new TooManyFailuresError(MAX_FAILURES, error));
    } else this.#end(error);
    return false;
  }

  #end(error: Error): void {
    this.#error ??= error;
    this.#stopped = true;
  }
}

function reasonOf(result: PromiseSettledResult<unknown>): unknown {
  return result.status === "rejected" ? result.reason : undefined;
}

/** Lets only so much happen at the same time; what waits begins in the order in which it came. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  /** {@link giveBack} must follow. */
  async take(): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
