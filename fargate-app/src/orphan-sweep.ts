/**
 * Removes, at intervals, the orphaned temporary files of routers that crashed: one router does it for all.
 *
 * Who sweeps says so in a file that all routers see, and replaces it when done. The file is made, or replaced as it was
 * read, in one step, so of several routers one gets it.
 */
import { collect, ownFilePath, type RoutedFiles, type WriteCondition } from "@efs-mount-autoscaling/routed-files";
import { etagOf, isMissing, messageOf, PreconditionError } from "nfs-client";
import type { Logger } from "pino";

export interface OrphanSweepOptions {
  /** Milliseconds from one sweep to the next. */
  readonly interval: number;
  /** Milliseconds without a write, after which a temporary file counts as orphaned. */
  readonly olderThan: number;
  readonly files: Pick<RoutedFiles, "openFile" | "writeFile" | "removeOrphans">;
  /** Whether the file system may be written to now: no replica is swept. Absent: always. */
  readonly mayWrite?: () => boolean;
  /** What is to be swept besides, by the same router; the signal ends it. */
  readonly also?: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly log: Logger;
}

/** Where routers say who sweeps. */
export const CLAIM = ownFilePath("orphan-sweep");

/** What one sweep may do at most; the next one does more. */
const LIMITS = { maximum: 10_000, duration: 3_600_000 };

/** Milliseconds for what is swept besides. */
const ALSO_DURATION = 1_800_000;

/** Milliseconds after which a router that said it sweeps, and not that it has, is taken for crashed. */
const LEASE = LIMITS.duration + ALSO_DURATION + 600_000;

/** What a claim says, in the file's content. */
const SWEEPING = "sweeping";
const SWEPT = "swept";

interface Claim {
  readonly etag: string;
  readonly state: string;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

/**
 * Looks for the first time after a random part of the interval, so that routers that started together do not all look
 * together.
 */
export class OrphanSweep {
  readonly #options: OrphanSweepOptions;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #interrupted = new AbortController();

  constructor(options: OrphanSweepOptions) {
    this.#options = options;
    this.#schedule(Math.random() * options.interval);
  }

  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#timer);
  }

  /** Ends a sweep in progress, where the file system may no longer be written to. */
  interrupt(): void {
    this.#interrupted.abort(new Error("This region may not write any more"));
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#stopped.signal, this.#interrupted.signal]);
  }

  #schedule(delay: number): void {
    this.#timer = setTimeout(async () => {
      await this.#sweepIfDue();
      if (!this.#stopped.signal.aborted) this.#schedule(this.#options.interval);
    }, delay).unref();
  }

  async #sweepIfDue(): Promise<void> {
    const { interval, files, log } = this.#options;
    if (!this.#mayWrite()) return;
    this.#interrupted = new AbortController();
    try {
      const before = await readClaim(files);
      if (before !== undefined && !isDue(before, interval)) return;
      const own = await this.#claim(SWEEPING, before ?? "absent");
      if (own === undefined) return;
      await this.#sweep();
      await this.#options.also?.(AbortSignal.any([this.#signal, AbortSignal.timeout(ALSO_DURATION)]));
      await this.#claim(SWEPT, own);
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      log.warn({ err: error }, `The orphaned temporary files could not be removed: ${messageOf(error)}`);
    }
  }

  #mayWrite(): boolean {
    return this.#options.mayWrite?.() !== false;
  }

  /** @returns what to replace next, or undefined when another router was first, or nothing may be written any more. */
  async #claim(state: string, when: WriteCondition): Promise<Pick<Claim, "etag"> | undefined> {
    if (!this.#mayWrite()) return undefined;
    try {
      const { attributes } = await this.#options.files.writeFile(CLAIM, Buffer.from(state), when);
      return { etag: etagOf(attributes) };
    } catch (error) {
      if (error instanceof PreconditionError) return undefined;
      throw error;
    }
  }

  async #sweep(): Promise<void> {
    const { olderThan, files, log } = this.#options;
    const signal = this.#signal;
    const report = await files.removeOrphans({ ...LIMITS, olderThan, signal });
    const { examined, removed, complete } = report;
    const passedOver = report.passedOver.count;
    const examples = report.passedOver.examples.map(({ path, reason }) => `${path}: ${reason.message}`);
    const message = `Removed ${removed} orphaned temporary files among ${examined} names`;
    const fields = { examined, removed, complete, passedOver, ...(passedOver > 0 && { examples }) };
    if (!complete) log.warn(fields, `${message}; there was not enough time for all`);
    else if (passedOver > 0) log.warn(fields, `${message}, and passed over ${passedOver}`);
    else log.info(fields, message);
  }
}

/**
 * Half an interval after the last sweep the next one is due: each router looks at a time of its own, and the one that
 * swept last must not come too early by a moment. The server's clock and the routers' differ by far less. A claim from
 * the future says that one was wrong.
 */
function isDue({ state, writtenAt }: Claim, interval: number): boolean {
  return Math.abs(Date.now() - writtenAt) >= (state === SWEPT ? interval / 2 : LEASE);
}

async function readClaim(files: OrphanSweepOptions["files"]): Promise<Claim | undefined> {
  try {
    const { attributes, body } = await files.openFile(CLAIM, { length: SWEEPING.length });
    return { etag: etagOf(attributes), state: (await collect(body)).toString(), writtenAt: attributes.modifiedAt };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
