/** Keeps the mount table of a running router up to date: polls its sources, and reads them at once when asked to. */
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import { messageOf } from "nfs-client";
import type { Log } from "../log.ts";
import { loadFrom, type MountTableSource, type RankedMountTable } from "./mount-table-sources.ts";

export interface MountTableRefreshOptions {
  readonly sources: readonly MountTableSource[];
  /** The table in use. */
  readonly current: RankedMountTable;
  /** Milliseconds between two polls; 0 to read only when asked to. */
  readonly interval: number;
  /** Takes up a table, which may be the one in use. */
  readonly use: (table: MountTable) => Promise<void>;
  readonly log: Log;
}

/**
 * Polls never overlap, so tables are taken up one at a time, in the order in which they were read.
 *
 * A poll never goes to a source worse than the one that the table in use is from: a parameter that cannot be read for a
 * while is no reason to leave its table for another.
 */
export class MountTableRefresh {
  readonly #options: MountTableRefreshOptions;
  #rank: number;
  /** Whether the best source could not be read, or its table not be taken up, at the last poll. */
  #failing: boolean;
  #wanted = false;
  #stopped = false;
  #endPause: () => void = () => {};

  constructor(options: MountTableRefreshOptions) {
    this.#options = options;
    this.#rank = options.current.rank;
    this.#failing = options.current.rank > 0;
    void this.#run();
  }

  /** Polls now, or once more after the poll in flight: that one may have read the table already. */
  now(): void {
    this.#wanted = true;
    this.#endPause();
  }

  /** No table is taken up any more. */
  stop(): void {
    this.#stopped = true;
    this.#endPause();
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#pause();
      if (this.#stopped) return;
      await this.#poll();
    }
  }

  async #pause(): Promise<void> {
    const { interval } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      if (interval > 0) timer = setTimeout(resolve, interval).unref();
      if (this.#wanted || this.#stopped) resolve();
    });
    clearTimeout(timer);
    this.#wanted = false;
  }

  async #poll(): Promise<void> {
    const { sources, use } = this.#options;
    for (const [rank, source] of sources.slice(0, this.#rank + 1).entries()) {
      try {
        const table = await loadFrom(source);
        if (this.#stopped) return;
        await use(table);
        this.#rank = rank;
        if (rank === 0) this.#noteSuccess(source);
        return;
      } catch (error) {
        if (rank === 0) this.#noteFailure(source, error);
      }
    }
  }

  #noteSuccess({ name }: MountTableSource): void {
    if (this.#failing) this.#options.log.info({ source: name }, `The mount table of ${name} can be used again`);
    this.#failing = false;
  }

  #noteFailure({ name }: MountTableSource, error: unknown): void {
    const message = `No mount table from ${name}, so the one in use stays: ${messageOf(error)}`;
    if (!this.#failing) this.#options.log.warn({ source: name, err: error }, message);
    this.#failing = true;
  }
}
