/** Removes, at intervals, the orphaned temporary files of routers that crashed. */

import { messageOf, type OrphanOptions, type OrphanReport } from "nfs-client";
import type { Logger } from "pino";

export interface OrphanSweepOptions {
  /** Milliseconds from one sweep to the next. */
  readonly interval: number;
  /** Milliseconds without a write, after which a temporary file counts as orphaned. */
  readonly olderThan: number;
  readonly sweep: (options: OrphanOptions) => Promise<OrphanReport>;
  readonly log: Logger;
}

/** What one sweep may do at most; the next one does more. */
const LIMITS = { maximum: 10_000, duration: 3_600_000 };

/**
 * Sweeps for the first time after a random part of the interval, so that routers that started together do not sweep
 * together.
 */
export class OrphanSweep {
  readonly #options: OrphanSweepOptions;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
    this.#schedule(Math.random() * options.interval);
  }

  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(async () => {
      await this.#sweep();
      if (!this.#stopped.signal.aborted) this.#schedule(this.#options.interval);
    }, delay).unref();
  }

  async #sweep(): Promise<void> {
    const { olderThan, sweep, log } = this.#options;
    try {
      const report = await sweep({ ...LIMITS, olderThan, signal: this.#stopped.signal });
      const { examined, removed, complete } = report;
      const passedOver = report.passedOver.count;
      const examples = report.passedOver.examples.map(({ path, reason }) => `${path}: ${reason.message}`);
      const message = `Removed ${removed} orphaned temporary files among ${examined} names`;
      const fields = { examined, removed, complete, passedOver, ...(passedOver > 0 && { examples }) };
      if (!complete) log.warn(fields, `${message}; there was not enough time for all`);
      else if (passedOver > 0) log.warn(fields, `${message}, and passed over ${passedOver}`);
      else log.info(fields, message);
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      log.warn({ err: error }, `The orphaned temporary files could not be removed: ${messageOf(error)}`);
    }
  }
}
