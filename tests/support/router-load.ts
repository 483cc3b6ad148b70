/** Clients of a router that write, read, append and list, each in a directory of its own, and check all they get. */
import { setTimeout as sleep } from "node:timers/promises";
import { directoryPath, filePath, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { OutcomeUnknownError } from "nfs-client";
import { readFile } from "./read-file.ts";

const FILES = 4;

/** Milliseconds from one operation of a client to its next: latencies say something only where there is time to spare. */
const MEAN_PAUSE = 60;

const KINDS = ["write", "read", "append", "list"] as const;

type Kind = (typeof KINDS)[number];

export interface LoadCounts {
  readonly operations: number;
  /** Operations that failed; what can be retried must not, and appends have an outcome or are of {@link unknown} one. */
  readonly failed: readonly string[];
  /** Appends that nobody knows the outcome of. */
  readonly unknown: number;
  /** Contents that are not the last one written, names that are missing, records that are torn, lost or there twice. */
  readonly wrong: readonly string[];
}

/** Milliseconds of the slowest operations. */
export interface Slowest {
  /** Reads, writes and lists: at another target they can be done again. */
  readonly repeatable: number;
  readonly appends: number;
}

export class RouterLoad {
  readonly #router: RoutedFiles;
  readonly #random: () => number;
  readonly #clients: readonly Promise<void>[];
  readonly #failed: string[] = [];
  readonly #wrong: string[] = [];
  #operations = 0;
  #unknown = 0;
  #slowest: Slowest = { repeatable: 0, appends: 0 };
  #stopping = false;

  constructor(router: RoutedFiles, clients: number, random: () => number) {
    this.#router = router;
    this.#random = random;
    this.#clients = Array.from({ length: clients }, (_, id) => this.#client(id));
  }

  /** Operations done so far. */
  get operations(): number {
    return this.#operations;
  }

  /** What was slowest since this was last asked. */
  takeSlowest(): Slowest {
    const slowest = this.#slowest;
    this.#slowest = { repeatable: 0, appends: 0 };
    return slowest;
  }

  /** Ends the load, after everything that was written is read once more. */
  async stop(): Promise<LoadCounts> {
    this.#stopping = true;
    await Promise.all(this.#clients);
    return {
      operations: this.#operations,
      failed: this.#failed,
      unknown: this.#unknown,
      wrong: this.#wrong,
    };
  }

  async #client(id: number): Promise<void> {
    const directory = `client-${id}`;
    const log = filePath(`${directory}/log`);
    const contents = new Map<string, string>();
    /** Records that must be there once, and those that may be. */
    const records = { done: [] as string[], unknown: [] as string[] };

    const read = async (name: string) => {
      const data = await readFile(this.#router, filePath(`${directory}/${name}`));
      if (data.toString() !== contents.get(name)) {
        this.#wrong.push(`${directory}/${name} is ${data}, not ${contents.get(name)}`);
      }
    };
    const tasks: Record<Kind, (round: number) => Promise<unknown>> = {
      write: async (round) => {
        const name = `file-${Math.floor(this.#random() * FILES)}`;
        const content = `${id} ${round} ${"x".repeat(Math.floor(this.#random() * 4_000))}`;
        await this.#router.writeFile(filePath(`${directory}/${name}`), Buffer.from(content));
        contents.set(name, content);
      },
      read: async () => {
        const names = [...contents.keys()];
        const name = names[Math.floor(this.#random() * names.length)];
        if (name !== undefined) await read(name);
      },
      append: async (round) => {
        const record = `${id}-${round}`;
        try {
          await this.#router.appendFile(log, Buffer.from(`${record}\n`));
          records.done.push(record);
        } catch (error) {
          if (!(error instanceof OutcomeUnknownError)) throw error;
          this.#unknown += 1;
          records.unknown.push(record);
        }
      },
      list: async () => {
        const names: string[] = [];
        for await (const { name } of this.#router.list(directoryPath(directory))) names.push(name);
        for (const name of contents.keys()) {
          if (!names.includes(name)) this.#wrong.push(`${directory} does not list ${name}`);
        }
      },
    };

    await this.#timed("write", () => tasks.write(0));
    for (let round = 1; !this.#stopping; round++) {
      const kind = KINDS[Math.floor(this.#random() * KINDS.length)] ?? "read";
      await this.#timed(kind, () => tasks[kind](round));
      await sleep(this.#random() * 2 * MEAN_PAUSE);
    }
    for (const name of contents.keys()) await this.#timed("read", () => read(name));
    if (records.done.length > 0) await this.#timed("read", () => this.#checkLog(log, records));
  }

  async #checkLog(path: ReturnType<typeof filePath>, { done, unknown }: Record<"done" | "unknown", string[]>) {
    const data = await readFile(this.#router, path);
    const found = data.toString().split("\n").slice(0, -1);
    const times = (record: string) => found.filter((each) => each === record).length;
    for (const record of done)
      if (times(record) !== 1) this.#wrong.push(`${path} has ${record} ${times(record)} times`);
    for (const record of unknown)
      if (times(record) > 1) this.#wrong.push(`${path} has ${record} ${times(record)} times`);
    const known = new Set([...done, ...unknown]);
    for (const record of found) if (!known.has(record)) this.#wrong.push(`${path} has ${record}, which nobody wrote`);
  }

  async #timed(kind: Kind, task: () => Promise<unknown>): Promise<void> {
    const begin = performance.now();
    this.#operations += 1;
    try {
      await task();
    } catch (error) {
      this.#failed.push(`${kind}: ${error}`);
    }
    const took = performance.now() - begin;
    const { repeatable, appends } = this.#slowest;
    if (kind === "append") this.#slowest = { repeatable, appends: Math.max(appends, took) };
    else this.#slowest = { appends, repeatable: Math.max(repeatable, took) };
  }
}
