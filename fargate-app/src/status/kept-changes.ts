/**
 * Changes of state, on the file system: when tasks are replaced, those that saw them are gone. Each process keeps its own in a
 * file, which it writes when there is a new one.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { OwnFile, OwnFiles } from "@efs-mount-autoscaling/routed-files";
import { messageOf } from "nfs-client";
import type { Logger } from "pino";
import type { Changes } from "./changes.ts";
import { type TaskChanges, taskChangesSchema } from "./document.ts";

export interface KeptChangesOptions {
  readonly files: OwnFiles;
  /** Of this process. */
  readonly taskId: string;
  readonly changes: Pick<Changes, "latest" | "onChange">;
  /** Whether the file system may be written to now. Absent: always. */
  readonly mayWrite?: (() => boolean) | undefined;
  readonly log: Logger;
}

/** Milliseconds: changes often come together. */
const WRITE_DELAY = 2_000;

/** Milliseconds that the end of the process waits for it. */
const STOP_TIMEOUT = 1_000;

/** Files that are kept and read: those that were written to last. */
const MAX_FILES = 64;

/**
 * Older files that are removed behind a write, which adds one at most. They are drawn by lot: when a mount target fails,
 * hundreds of processes write at the same time, and are not all to remove the same ones.
 */
const MAX_REMOVALS = 2;

/** Bytes of one file: by far more than it has. */
const MAX_BYTES = 256 * 1024;

export class KeptChanges {
  readonly #options: KeptChangesOptions;
  readonly #name = randomBytes(6).toString("base64url");
  readonly #known = new Map<string, { readonly modifiedAt: number; readonly changes: TaskChanges }>();
  #timer: NodeJS.Timeout | undefined;
  /** The last write: an older one must not come behind it. */
  #saving = Promise.resolve();
  #hasFailed = false;

  constructor(options: KeptChangesOptions) {
    this.#options = options;
    const { changes } = options;
    changes.onChange(() => this.#saveSoon());
    if (changes.latest.length > 0) this.#saveSoon();
  }

  /** Keeps what was not yet, if that is soon done. */
  async stop(): Promise<void> {
    const isDue = this.#timer !== undefined;
    clearTimeout(this.#timer);
    const saved = isDue ? this.#saving.then(() => this.#save()) : this.#saving;
    await Promise.race([saved, sleep(STOP_TIMEOUT, undefined, { ref: false })]);
  }

  /** Of all processes, also of those that have ended. */
  async read(): Promise<TaskChanges[]> {
    const files = newestFirst(await this.#options.files.list()).slice(0, MAX_FILES);
    const read = await Promise.all(files.map((file) => this.#readFile(file)));
    const names = new Set(files.map(({ name }) => name));
    for (const name of this.#known.keys()) if (!names.has(name)) this.#known.delete(name);
    return read.flatMap((changes) => changes ?? []);
  }

  /** Undefined where the file is being written, or is of another version of this program. */
  async #readFile({ name, modifiedAt }: OwnFile): Promise<TaskChanges | undefined> {
    const known = this.#known.get(name);
    if (known?.modifiedAt === modifiedAt) return known.changes;
    const data = await this.#options.files.read(name, 0, MAX_BYTES);
    const changes = parse(data);
    if (changes !== undefined) this.#known.set(name, { modifiedAt, changes });
    return changes ?? known?.changes;
  }

  #saveSoon(): void {
    this.#timer ??= setTimeout(async () => {
      await this.#saving;
      this.#timer = undefined;
      this.#saving = this.#save();
    }, WRITE_DELAY).unref();
  }

  /** Never fails: nothing depends on it. */
  async #save(): Promise<void> {
    const { files, taskId, changes, mayWrite, log } = this.#options;
    if (mayWrite?.() === false) return;
    try {
      // One line: behind it is perhaps the rest of a longer one.
      const line = Buffer.from(`${JSON.stringify({ taskId, changes: changes.latest })}\n`);
      await files.write(this.#name, 0, line);
      const old = newestFirst(await files.list()).slice(MAX_FILES);
      const drawn = Array.from({ length: MAX_REMOVALS }, () => old[Math.floor(Math.random() * old.length)]);
      for (const file of new Set(drawn)) if (file !== undefined) await files.remove(file.name);
    } catch (error) {
      if (!this.#hasFailed) log.warn({ err: error }, `Changes of state could not be kept: ${messageOf(error)}`);
      this.#hasFailed = true;
    }
  }
}

function newestFirst(files: readonly OwnFile[]): OwnFile[] {
  return files.toSorted((one, two) => two.modifiedAt - one.modifiedAt);
}

function parse(data: Buffer): TaskChanges | undefined {
  const end = data.indexOf("\n");
  if (end === -1) return undefined;
  try {
    return taskChangesSchema.safeParse(JSON.parse(data.toString("utf8", 0, end))).data;
  } catch {
    return undefined;
  }
}
