/** What a router may do as one of two regions: polls its region's role, and renews its lease to write. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Peer, POLLS_IN_LEASE, type RegionRole } from "@efs-mount-autoscaling/mount-table";
import { AWS_REQUEST_TIMEOUT } from "@efs-mount-autoscaling/routed-files/aws-client";
import { isStatus, messageOf } from "nfs-client";
import type { Logger } from "pino";
import {
  type Known,
  mayAcknowledge,
  NO_LEASE,
  NOTHING_KNOWN,
  notePeer,
  noteRole,
  noteSource,
  type Refusal,
  renewed,
  type Verdict,
  verdictOn,
} from "./authority.ts";
import { AT_ONCE, paceAfter } from "./pace.ts";
import type { RegionSources } from "./sources.ts";
import { formatWriteToken, isTakingOver, type ReadVerdict, verdictOnRead, type WriteToken } from "./write-token.ts";

export interface RegionOptions {
  readonly sources: RegionSources;
  /** Milliseconds for which a router may write without confirming that its region is the primary. */
  readonly lease: number;
  /** Milliseconds that a read waits for the replica to have a write. */
  readonly readAfterTimeout: number;
  readonly log: Logger;
}

/** A change that this region may not make, or may not say it made. */
export class NotPrimaryError extends Error {
  override readonly name = "NotPrimaryError";
  readonly refusal: Refusal | "lost" | "read-only";
  /** Where the primary is, if it is elsewhere and its address is known. */
  readonly primaryUrl: string | undefined;

  constructor(refusal: NotPrimaryError["refusal"], message: string, primaryUrl?: string, options?: ErrorOptions) {
    super(message, options);
    this.refusal = refusal;
    this.primaryUrl = primaryUrl;
  }
}

/** Milliseconds from one poll to the next at most, before the role was read for the first time: until then nothing is written. */
const MAX_FIRST_POLL_INTERVAL = 1_000;

/** Milliseconds, of which the clocks of a router and of the file system may differ, and their times may be rounded. */
const CLOCK_TOLERANCE = 1_000;

export class Region {
  readonly #options: RegionOptions;
  #known: Known = NOTHING_KNOWN;
  #lease = NO_LEASE;
  #replicatedUntil: number | undefined;
  /** Milliseconds by which the file system's clock is ahead of this one, as far as writes have shown. */
  #serverAhead = 0;
  #refused = new Map<NotPrimaryError["refusal"], number>();
  #lastVerdict: string | undefined;
  readonly #failing = new Set<string>();
  readonly #lossListeners = new Set<() => void>();
  #pollingReplica: Promise<void> | undefined;
  #replicaPace = AT_ONCE;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #leaseEnd: NodeJS.Timeout | undefined;
  #polling: Promise<void> | undefined;
  #pollAgain = false;

  /** Until its role was read, the region is read-only. */
  constructor(options: RegionOptions) {
    this.#options = options;
  }

  /** Polls the role from now on. */
  watch(): void {
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#leaseEnd);
  }

  /** The newest that was read; undefined before the first. */
  get role(): RegionRole | undefined {
    return this.#known.role;
  }

  get verdict(): Verdict {
    return verdictOn(this.#known, this.#options.lease, performance.now());
  }

  /** How far the replica is behind its source at most, in milliseconds; undefined where there is none, or nobody knows. */
  get replicaLag(): number | undefined {
    const { role } = this;
    if (role?.role !== "standby" || this.#replicatedUntil === undefined) return undefined;
    return Math.max(0, Date.now() - this.#replicatedUntil);
  }

  /** Writes that were refused, by why. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  /** Calls the listener whenever the region may no longer write: at the latest when its lease ends. */
  onLoss(listener: () => void): void {
    this.#lossListeners.add(listener);
  }

  /**
   * Does what changes the file system.
   *
   * @throws {NotPrimaryError} when the region may not write now. Also when it stopped being the primary meanwhile: the
   * change may be lost, so nobody is told that it was made.
   */
  async write<Result>(change: () => Promise<Result>): Promise<Result> {
    const { verdict } = this;
    if ("refusal" in verdict) throw this.#count(this.#refuse(verdict.refusal));
    // A poll that has read the role may not have renewed the lease yet.
    this.#lease = renewed(this.#lease, this.#known, verdict);
    const begun = this.#lease;
    let result: Result;
    try {
      result = await change();
    } catch (error) {
      if (!isStatus(error, "NFS4ERR_ROFS")) throw error;
      const message = "The file system of this region takes no writes yet";
      throw this.#count(new NotPrimaryError("read-only", message, undefined, { cause: error }));
    }
    if (mayAcknowledge(begun, this.#lease, performance.now())) return result;
    const message = "This region stopped being the primary while the change was made: it may be lost";
    throw this.#count(new NotPrimaryError("lost", message, this.#known.role?.peer.url));
  }

  /**
   * The token of a write that was just made.
   *
   * @param modifiedAt By the file system's clock, where the write has told.
   */
  tokenOf(modifiedAt?: number): string {
    const now = Date.now();
    if (modifiedAt !== undefined) this.#serverAhead = Math.max(this.#serverAhead, modifiedAt - now);
    return formatWriteToken({ epoch: this.#lease.epoch, time: now + this.#serverAhead + CLOCK_TOLERANCE });
  }

  /** What to do with a read that brings this token: where the replica does not have the write yet, waits for it a little. */
  async readAfter(token: WriteToken): Promise<ReadVerdict> {
    const deadline = performance.now() + this.#options.readAfterTimeout;
    for (;;) {
      const verdict = verdictOnRead(token, this.role, this.#replicatedUntil);
      const rest = deadline - performance.now();
      if (verdict !== "wait" || rest <= 0) return verdict;
      await Promise.race([this.#pollReplica(), sleep(rest, undefined, { ref: false })]);
    }
  }

  /** Reads all that there is to know now. Never fails: what cannot be read is not renewed. */
  async poll(): Promise<void> {
    if (this.#polling !== undefined) {
      // That one may have read already.
      this.#pollAgain = true;
      return this.#polling;
    }
    this.#polling = (async () => {
      do {
        this.#pollAgain = false;
        await this.#pollOnce();
      } while (this.#pollAgain && !this.#stopped);
    })();
    await this.#polling;
    this.#polling = undefined;
  }

  #schedule(): void {
    if (this.#stopped) return;
    const interval = this.#options.lease / POLLS_IN_LEASE;
    this.#timer = setTimeout(
      async () => {
        await this.poll();
        this.#schedule();
      },
      this.role === undefined ? Math.min(interval, MAX_FIRST_POLL_INTERVAL) : interval,
    ).unref();
  }

  async #pollOnce(): Promise<void> {
    const { sources } = this.#options;
    await this.#read("the role of this region", sources.role, (role, begunAt) => noteRole(this.#known, role, begunAt));
    const { role } = this.#known;
    const peerParameter = role?.peer.parameter_name;
    // A standby stops at once, whatever its replication says.
    if (role?.role !== "primary") this.#renew();
    if (role?.role === "standby") await this.#readReplica();
    else if (role !== undefined && peerParameter !== undefined) await this.#readPeer(role.peer, peerParameter);
    else if (role !== undefined) await this.#readSource();
    this.#renew();
  }

  #readPeer(peer: Peer, parameterName: string): Promise<void> {
    return this.#read(
      `the role of ${peer.region}`,
      (signal) => this.#options.sources.peerRole(peer, parameterName, signal),
      (role, begunAt) => notePeer(this.#known, role, begunAt),
    );
  }

  #readSource(): Promise<void> {
    return this.#read("the replication", this.#options.sources.replication, (replication, begunAt) => {
      const { isSource, replicatedUntil } = replication;
      const lag = replicatedUntil === undefined ? undefined : Date.now() - replicatedUntil;
      return noteSource(this.#known, { isSource, lag }, begunAt);
    });
  }

  /** Polls once the last poll is long enough ago. All who wait at one time share a poll. */
  #pollReplica(): Promise<void> {
    this.#pollingReplica ??= (async () => {
      const rest = this.#replicaPace.nextAt - performance.now();
      if (rest > 0) await sleep(rest, undefined, { ref: false });
      const before = this.#replicatedUntil;
      await this.#readReplica();
      const isNews = this.#replicatedUntil !== before;
      this.#replicaPace = paceAfter(this.#replicaPace, performance.now(), isNews, Math.random());
      this.#pollingReplica = undefined;
    })();
    return this.#pollingReplica;
  }

  #readReplica(): Promise<void> {
    return this.#read("the replication", this.#options.sources.replication, (replication) => {
      if (replication.isDestination) this.#replicatedUntil = replication.replicatedUntil ?? this.#replicatedUntil;
      return this.#known;
    });
  }

  async #read<Result>(
    what: string,
    read: (signal: AbortSignal) => Promise<Result>,
    note: (result: Result, begunAt: number) => Known,
  ): Promise<void> {
    const { lease, log } = this.#options;
    const begunAt = performance.now();
    try {
      // A poll that hangs must leave time for another one.
      const result = await read(AbortSignal.timeout(Math.min(AWS_REQUEST_TIMEOUT, lease / 2)));
      this.#known = note(result, begunAt);
      if (this.#failing.delete(what)) log.info(`It can be read again: ${what}`);
    } catch (error) {
      if (!this.#failing.has(what)) log.warn({ err: error }, `It cannot be read: ${what}: ${messageOf(error)}`);
      this.#failing.add(what);
    }
  }

  /** Takes up what is known, now and when the lease ends: no poll may succeed by then. */
  #renew(): void {
    const { role } = this.#known;
    const { verdict } = this;
    this.#lease = renewed(this.#lease, this.#known, verdict);
    clearTimeout(this.#leaseEnd);
    if ("until" in verdict && !this.#stopped) {
      const rest = Math.ceil(verdict.until - performance.now());
      this.#leaseEnd = setTimeout(() => this.#renew(), rest).unref();
    }
    const now = `${role?.epoch} ${role?.role} ${"refusal" in verdict ? verdict.refusal : "writes"}`;
    if (now === this.#lastVerdict) return;
    this.#lastVerdict = now;
    const { log } = this.#options;
    const fields = { role: role?.role, epoch: role?.epoch, peer: role?.peer.region };
    if ("until" in verdict) {
      log.info(fields, `This region is the primary, at epoch ${role?.epoch}`);
      return;
    }
    for (const listener of this.#lossListeners) listener();
    log.warn(fields, this.#refuse(verdict.refusal).message);
  }

  #refuse(refusal: Refusal): NotPrimaryError {
    const { role } = this.#known;
    const url = role?.peer.url;
    const where = url === undefined ? (role?.peer.region ?? "the other region") : url;
    if (role !== undefined && isTakingOver(role)) {
      return new NotPrimaryError("unconfirmed", "This region is taking over, and takes no writes yet");
    }
    switch (refusal) {
      case "standby":
        return new NotPrimaryError(refusal, `This region is read-only: the primary is ${where}`, url);
      case "superseded":
        return new NotPrimaryError(refusal, `This region is no longer the primary: that is ${where}`, url);
      case "frozen":
        return new NotPrimaryError(refusal, "This region hands over to the other one, and takes no writes meanwhile");
      case "unknown":
        return new NotPrimaryError(refusal, "This region is read-only until it knows its role");
      case "unconfirmed":
        return new NotPrimaryError(
          refusal,
          "This region is read-only until it can confirm that no other primary was declared",
        );
    }
  }

  #count(error: NotPrimaryError): NotPrimaryError {
    this.#refused.set(error.refusal, (this.#refused.get(error.refusal) ?? 0) + 1);
    return error;
  }
}
