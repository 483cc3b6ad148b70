/**
 * What the file monitor finds changed, whoever changed it, becomes events, too. Every process records it: there may be only
 * one. Subscribers get it once.
 */
import type { MonitorStatus } from "@efs-mount-autoscaling/mount-table/monitor-status";
import { messageOf } from "nfs-client";
import type { Logger } from "pino";
import type { ChangeRecorder } from "./change-log.ts";

export interface MonitorFindingsOptions {
  readonly readMonitor: (signal: AbortSignal) => Promise<MonitorStatus | undefined>;
  readonly recorder: ChangeRecorder;
  /** Milliseconds from one poll to the next. */
  readonly interval: number;
  /** Whether the file system may be written to now. Absent: always. */
  readonly mayWrite?: () => boolean;
  readonly log: Logger;
}

/** Milliseconds. What was found longer ago, when the process starts, others have recorded. */
const MAX_AGE_AT_START = 600_000;

/** Milliseconds for one poll. */
const TIMEOUT = 5_000;

export class MonitorFindings {
  readonly #options: MonitorFindingsOptions;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #recordedUntil = Date.now() - MAX_AGE_AT_START;

  constructor(options: MonitorFindingsOptions) {
    this.#options = options;
    this.#schedule(Math.random() * options.interval);
  }

  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(async () => {
      await this.#poll();
      if (!this.#stopped.signal.aborted) this.#schedule(this.#options.interval);
    }, delay).unref();
  }

  async #poll(): Promise<void> {
    const { readMonitor, recorder, mayWrite, log } = this.#options;
    if (mayWrite?.() === false) return;
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(TIMEOUT)]);
      const { foundAt = 0, directories = [] } = (await readMonitor(signal))?.changedDirectories ?? {};
      if (foundAt <= this.#recordedUntil) return;
      const changes = directories.map((each) => ({ kind: "directory-changed", foundAt, ...each }) as const);
      await Promise.all(changes.map((change) => recorder.record(change)));
      this.#recordedUntil = foundAt;
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      log.warn({ err: error }, `What the file monitor found changed could not be recorded: ${messageOf(error)}`);
    }
  }
}
