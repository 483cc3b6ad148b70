import type { SourceFile } from "../source-files.ts";
import { copyIn, remove, type Workload } from "../workload.ts";

/** At once; the other traffic goes on beside them. */
const CONCURRENCY = 16;

/** The files that there are: always the first ones of those that there could be. */
export class Stock {
  readonly #work: Workload;
  readonly #source: string;
  readonly #files: readonly SourceFile[];
  #count = 0;

  /** @param source The directory with all the files that there could be. */
  constructor(work: Workload, source: string, files: readonly SourceFile[]) {
    this.#work = work;
    this.#source = source;
    this.#files = files;
  }

  get count(): number {
    return this.#count;
  }

  get files(): readonly SourceFile[] {
    return this.#files.slice(0, this.#count);
  }

  /** Writes and deletes files until there are so many. Calls must not overlap. */
  async become(count: number, onFile = () => {}): Promise<void> {
    const [added, removed] = [this.#files.slice(this.#count, count), this.#files.slice(count, this.#count)];
    const step = (change: number) => () => {
      this.#count += change;
      onFile();
    };
    await copyIn(this.#work, added, { source: this.#source, concurrency: CONCURRENCY, onFile: step(1) });
    await remove(this.#work, removed, { concurrency: CONCURRENCY, onFile: step(-1) });
  }
}
