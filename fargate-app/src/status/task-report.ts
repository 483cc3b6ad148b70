/** What one worker of a router says of itself. */
import {
  METERED_KINDS,
  type Meter,
  type Metered,
  PRICES_AS_OF,
  pricesOf,
  SECONDS_IN_A_MONTH,
  throughputCost,
  zoneCost,
} from "@efs-mount-autoscaling/metering";
import type { MountTarget } from "@efs-mount-autoscaling/mount-table";
import type { RoutedFiles, TargetState } from "@efs-mount-autoscaling/routed-files";
import type { Region } from "../region/region.ts";
import { reportOn } from "../region/report.ts";
import type { Changes } from "./changes.ts";
import {
  type Bounds,
  type Costs,
  type HistoryPoint,
  HOT_SPOT_RANKS,
  type HotSpot,
  type TaskStatus,
} from "./document.ts";
import { HISTORY_STEP, StatusHistory } from "./history.ts";

interface TaskReportOptions {
  /** Of the task, or whatever else names this process. */
  readonly id: string;
  readonly files: RoutedFiles;
  readonly meter: Meter;
  /** The AWS region, whose prices count. */
  readonly region: string | undefined;
  /** Its role, where there are two. */
  readonly ownRegion?: Region | undefined;
  readonly changes: Changes;
}

export class TaskReport {
  readonly #options: TaskReportOptions;
  readonly #history = new StatusHistory();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TaskReportOptions) {
    this.#options = options;
    this.#remember(Date.now());
    this.#scheduleNext();
  }

  now(): TaskStatus {
    const { id, files, changes, ownRegion } = this.#options;
    const time = Date.now();
    const { hot, paths, directories } = files.hotSpots.report(HOT_SPOT_RANKS);
    return {
      id,
      zone: files.ownZone,
      time,
      startedAt: time - process.uptime() * 1_000,
      memory: process.memoryUsage.rss(),
      targets: files.targets.map(({ id, mountTarget, zone, state, since, reason, connection, statistics }) => ({
        id,
        address: mountTarget.ip_address,
        zone,
        ...shownState(mountTarget, state, since),
        reason,
        inFlight: connection?.active ?? 0,
        requests: statistics.requests,
        errors: statistics.errors,
        bytesRead: statistics.bytesRead,
        bytesWritten: statistics.bytesWritten,
        latencies: statistics.latencies.counts,
      })),
      hotSpots: {
        hot,
        paths: paths.byRequests.map(withoutError),
        directories: directories.byRequests.map(withoutError),
      },
      costs: this.#costs(),
      changes: [...changes.latest],
      ownRegion: ownRegion && { ...reportOn(ownRegion), refusedWrites: Object.fromEntries(ownRegion.refused) },
    };
  }

  /** The last hour, oldest first. */
  get history(): HistoryPoint[] {
    return this.#history.points;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** All routers look at the same times, so that what they counted can be added up. */
  #scheduleNext(): void {
    const next = (Math.round(Date.now() / HISTORY_STEP) + 1) * HISTORY_STEP;
    this.#timer = setTimeout(() => {
      this.#remember(Date.now());
      this.#scheduleNext();
    }, next - Date.now()).unref();
  }

  #remember(time: number): void {
    this.#history.add(
      time,
      this.#options.files.targets.map(({ id, statistics }) => ({
        id,
        requests: statistics.requests,
        bytes: statistics.bytesRead + statistics.bytesWritten,
        latencies: statistics.latencies.counts,
      })),
    );
  }

  #costs(): Costs {
    const { files, meter, region } = this.#options;
    const { lower, upper } = meter.total;
    const prices = pricesOf(region);
    const acrossZones = prices === undefined ? 0 : zoneCost(files.bytesAcrossZones ?? 0, prices);
    const throughput = prices && throughputCost({ lower, upper }, prices);
    const dollars = throughput && { lower: throughput.lower + acrossZones, upper: throughput.upper + acrossZones };
    return {
      meteredBytes: { lower: sum(lower), upper: sum(upper) },
      dollars,
      dollarsAMonth: dollars && times(dollars, SECONDS_IN_A_MONTH / process.uptime()),
      pricesAsOf: PRICES_AS_OF,
    };
  }
}

/** A connected target that retires does so since the table says so, however long it is connected. */
function shownState({ retiring_since }: MountTarget, state: TargetState, since: number) {
  if (retiring_since === undefined || state !== "connected") return { state, since };
  return { state: "retiring", since: Date.parse(retiring_since) };
}

function withoutError({ path, perSecond, share }: HotSpot): HotSpot {
  return { path, perSecond, share };
}

function sum(metered: Metered): number {
  return METERED_KINDS.reduce((bytes, kind) => bytes + metered[kind], 0);
}

function times({ lower, upper }: Bounds, factor: number): Bounds {
  return { lower: lower * factor, upper: upper * factor };
}
