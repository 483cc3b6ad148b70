/** How far a command over a tree is, on one line of a terminal. */
import type { NfsClient } from "../types.ts";
import { formatBytes, formatCount } from "./format.ts";
import { type TreeEntry, walkTree } from "./walk.ts";

const INTERVAL = 200;
const BAR_WIDTH = 30;
/** Few, so that counting does not hold up the work. */
const COUNT_CONCURRENCY = 2;

export class Progress {
  readonly #note: (text: string) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #stopped = new AbortController();
  #counting: Promise<void> = Promise.resolve();
  #done = 0;
  #bytes = 0;
  #total = 0;
  #isCounted = false;

  constructor(note: (text: string) => void) {
    this.#note = note;
    this.#timer = setInterval(() => this.#show(), INTERVAL).unref();
  }

  /** Begins to count what there is to do; until all is counted, the line says what is done. */
  count(client: NfsClient, root: TreeEntry): void {
    const visitor = {
      enter: async () => true as const,
      visit: async () => {
        this.#total += 1;
      },
    };
    const options = { client, concurrency: COUNT_CONCURRENCY, signal: this.#stopped.signal, onFailure: () => {} };
    this.#counting = walkTree(root, visitor, options).then(
      () => {
        this.#isCounted = true;
      },
      // What keeps it from counting keeps the work from going on, too, which says so.
      () => {},
    );
  }

  /** An entry is done, and so many bytes with it. */
  done(bytes = 0): void {
    this.#done += 1;
    this.#bytes += bytes;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopped.abort();
    await this.#counting;
    this.#note("");
  }

  #show(): void {
    this.#note(
      progressLine({ done: this.#done, bytes: this.#bytes, total: this.#isCounted ? this.#total : undefined }),
    );
  }
}

/** @param total undefined while it is not known. */
export function progressLine({
  done,
  bytes,
  total,
}: {
  done: number;
  bytes: number;
  total: number | undefined;
}): string {
  const amount = bytes === 0 ? "" : `, ${formatBytes(bytes)}`;
  if (total === undefined) return `${formatCount(done)} done${amount}`;
  const share = Math.min(done / Math.max(total, 1), 1);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}]`;
  return `${bar} ${Math.floor(share * 100)} %  ${formatCount(done)} of ${formatCount(total)}${amount}`;
}
