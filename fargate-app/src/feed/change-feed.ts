/** The change feed of this process: what it records, who subscribes, and the end of old logs. */
import type { OwnFiles } from "@efs-mount-autoscaling/routed-files";
import { messageOf } from "nfs-client";
import type { Logger } from "pino";
import { ChangeLog, type ChangeRecorder } from "./change-log.ts";
import { LogTail } from "./log-tail.ts";
import { parseSegmentName } from "./segment.ts";
import { type FeedEvent, type SubscriptionOptions, subscribe } from "./subscription.ts";

export interface ChangeFeedOptions {
  readonly files: OwnFiles;
  /** Milliseconds for which changes are kept for subscribers that come back. */
  readonly retention: number;
  /** Whether the file system may be written to now. Absent: always. */
  readonly mayWrite?: () => boolean;
  readonly log: Logger;
}

/** Milliseconds without an event, after which a subscriber is told so. */
const KEEP_ALIVE_INTERVAL = 15_000;

/** Milliseconds between two looks for old segments. */
const SWEEP_INTERVAL = 60_000;

/** Milliseconds that segments are kept beyond the retention: for clocks that differ, and those who are reading them. */
const MARGIN = 120_000;

export class ChangeFeed {
  readonly recorder: ChangeRecorder;
  readonly #options: ChangeFeedOptions;
  readonly #tail: LogTail;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
    this.#tail = new LogTail(options.files);
    this.recorder = new ChangeLog(options.files);
    this.#scheduleSweep();
  }

  /** See {@link subscribe}. */
  subscribe(prefix: string, options: Pick<SubscriptionOptions, "after" | "signal">): AsyncGenerator<FeedEvent, void> {
    const { retention } = this.#options;
    return subscribe(this.#tail, { ...options, prefix, retention, keepAliveInterval: KEEP_ALIVE_INTERVAL });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** At random times, so that processes that started together do not all look together. */
  #scheduleSweep(): void {
    const sweepAndGoOn = async () => {
      await this.#removeOldSegments();
      if (!this.#stopped) this.#scheduleSweep();
    };
    this.#timer = setTimeout(sweepAndGoOn, SWEEP_INTERVAL * (0.5 + Math.random())).unref();
  }

  /** Of all processes, also of those that ended. Whoever writes to a segment does not do so for that long. */
  async #removeOldSegments(): Promise<void> {
    const { files, retention, mayWrite, log } = this.#options;
    if (mayWrite?.() === false) return;
    try {
      const oldest = Date.now() - retention - MARGIN;
      for (const { name, modifiedAt } of await files.list()) {
        if (modifiedAt < oldest && parseSegmentName(name) !== undefined) await files.remove(name);
      }
    } catch (error) {
      if (!this.#stopped) log.warn({ err: error }, `Old logs of changes could not be removed: ${messageOf(error)}`);
    }
  }
}
