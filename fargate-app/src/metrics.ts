/** The router's metrics for Prometheus. Labels have few values: mount targets, operations, methods, routes, statuses. */
import { METERED_KINDS, type Meter, type Metered } from "@efs-mount-autoscaling/metering";
import { ROLES } from "@efs-mount-autoscaling/mount-table";
import {
  OPERATIONS,
  type OperationObserver,
  type RoutedFiles,
  TARGET_STATES,
  type Target,
} from "@efs-mount-autoscaling/routed-files";
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import * as z from "zod";
import type { Region } from "./region/region.ts";

/** Seconds; EFS responds in about a millisecond at best. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Of each kind of hot spot. */
const HOT_SPOT_RANKS = 10;

interface HttpExchange {
  readonly method: string;
  /** The pattern of the route, not the path of the request. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

/** What one worker counted, as prom-client puts it in JSON. */
export const metricsAnswer = z.array(
  z.looseObject({
    name: z.string(),
    type: z.string(),
    /** How the values of several workers become one. */
    aggregator: z.string(),
    values: z.array(z.looseObject({ value: z.number().or(z.nan()) })),
  }),
);

export type MetricsAnswer = z.infer<typeof metricsAnswer>;

/** As text for Prometheus: what all workers counted. */
export async function metricsText(answers: readonly MetricsAnswer[]): Promise<string> {
  return aggregate(answers).metrics();
}

/** As one answer. */
export async function mergeMetrics(answers: readonly MetricsAnswer[]): Promise<MetricsAnswer> {
  return metricsAnswer.parse(await aggregate(answers).getMetricsAsJSON());
}

/** What one worker does not know, is known of the others. */
function aggregate(answers: readonly MetricsAnswer[]): Registry {
  const known = ({ value }: MetricsAnswer[number]["values"][number]) => !Number.isNaN(value);
  return AggregatorRegistry.aggregate(
    answers.map((metrics) => metrics.map((metric) => ({ ...metric, values: metric.values.filter(known) }))),
  );
}

/**
 * Each metric says by its `aggregator` how the values of several workers become one: they are added where it says
 * nothing.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #requests = new Counter({
    name: "router_http_requests_total",
    help: "HTTP requests. Status 499: the response was not sent in full.",
    labelNames: ["method", "route", "status"],
    registers: this.#registers,
  });
  readonly #durations = new Histogram({
    name: "router_http_request_duration_seconds",
    help: "Time from the headers of a request to the end of its response.",
    labelNames: ["method", "route"],
    buckets: BUCKETS,
    registers: this.#registers,
  });
  readonly #operations = new Histogram({
    name: "router_target_operation_duration_seconds",
    help: "Duration of NFS operations at a mount target; for streams, until their first byte.",
    labelNames: ["target", "operation"],
    buckets: BUCKETS,
    registers: this.#registers,
    collect: () => this.#forgetRemovedTargets(),
  });
  /** The mount targets that operations were observed of. */
  readonly #observed = new Set<string>();
  #files: RoutedFiles | undefined;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  readonly observeOperation: OperationObserver = (target, operation, seconds) => {
    this.#observed.add(target);
    this.#operations.observe({ target, operation }, seconds);
  };

  observeExchange({ method, route, status, seconds }: HttpExchange): void {
    this.#requests.inc({ method, route, status });
    this.#durations.observe({ method, route }, seconds);
  }

  /** Adds what is counted for each target; it is read only when the metrics are scraped. */
  watch(files: RoutedFiles): void {
    this.#files = files;
    this.#count(files, "requests", "Operations attempted.", ({ statistics }) => statistics.requests);
    this.#count(
      files,
      "errors",
      "Operations that failed because of the mount target.",
      ({ statistics }) => statistics.errors,
    );
    this.#count(files, "read_bytes", "File bytes read.", ({ statistics }) => statistics.bytesRead);
    this.#count(files, "written_bytes", "File bytes written.", ({ statistics }) => statistics.bytesWritten);
    this.#show(
      files,
      "load",
      "Operations in flight, each weighted by its bytes.",
      ({ meter }) => meter.inFlight,
      "sum",
    );
    this.#show(
      files,
      "recent_latency_seconds",
      "Mean latency of reads lately.",
      ({ meter }) => (meter.latency.mean ?? Number.NaN) / 1_000,
      "average",
    );
    this.#show(
      files,
      "retiring",
      "1 for a mount target that is going to be deleted, and gets nothing new, else 0.",
      ({ isRetiring }) => (isRetiring ? 1 : 0),
      "min",
    );
    if (files.ownZone !== undefined) {
      this.#show(
        files,
        "in_own_zone",
        "1 for a mount target in the router's Availability Zone, else 0.",
        ({ zone }) => (zone === files.ownZone ? 1 : 0),
        "max",
      );
    }
    this.#watchHotSpots(files);
    this.#count(files, "compounds", "NFSv4.1 COMPOUNDs sent.", ({ compounds }) => compounds);
    new Gauge({
      name: "router_target_state",
      help: "1 for the current state of the mount target, 0 for the others; of several workers, the share that sees it so.",
      labelNames: ["target", "state"],
      aggregator: "average",
      registers: this.#registers,
      collect() {
        this.reset();
        for (const { id, state } of files.targets) {
          for (const each of TARGET_STATES) this.set({ target: id, state: each }, each === state ? 1 : 0);
        }
      },
    });
  }

  #forgetRemovedTargets(): void {
    const present = new Set(this.#files?.targets.map(({ id }) => id));
    for (const target of [...this.#observed].filter((id) => !present.has(id))) {
      for (const operation of OPERATIONS) this.#operations.remove({ target, operation });
      this.#observed.delete(target);
    }
  }

  /** Adds what EFS meters and what crosses zones. */
  watchCosts(files: RoutedFiles, meter: Meter): void {
    const registers = this.#registers;
    new Counter({
      name: "efs_metered_bytes_estimate_total",
      help: "Bytes that EFS meters with elastic throughput: at least (lower) and at most (upper).",
      labelNames: ["kind", "bound"],
      registers,
      collect() {
        this.reset();
        for (const [bound, metered] of Object.entries<Metered>({ ...meter.total })) {
          for (const kind of METERED_KINDS) this.inc({ kind, bound }, metered[kind]);
        }
      },
    });
    if (files.ownZone === undefined) return;
    new Counter({
      name: "router_across_zones_bytes_total",
      help: "File bytes read and written at mount targets of other Availability Zones.",
      registers,
      collect() {
        this.reset();
        this.inc(files.bytesAcrossZones ?? 0);
      },
    });
  }

  /** Adds what this router may do as one of two regions. */
  watchRegion(region: Region): void {
    const registers = this.#registers;
    new Gauge({
      name: "router_region_role",
      help: "1 for the role of this region, 0 for the others.",
      labelNames: ["role"],
      aggregator: "max",
      registers,
      collect() {
        for (const role of ROLES) this.set({ role }, region.role?.role === role ? 1 : 0);
      },
    });
    new Gauge({
      name: "router_region_epoch",
      help: "The epoch of this region's role.",
      aggregator: "max",
      registers,
      collect() {
        this.set(region.role?.epoch ?? Number.NaN);
      },
    });
    new Gauge({
      name: "router_region_writable",
      help: "1 where this router may write, else 0.",
      aggregator: "min",
      registers,
      collect() {
        this.set("until" in region.verdict ? 1 : 0);
      },
    });
    new Gauge({
      name: "router_replica_lag_seconds",
      help: "How far the replica that a standby serves is behind, at most.",
      aggregator: "max",
      registers,
      collect() {
        this.set((region.replicaLag ?? Number.NaN) / 1_000);
      },
    });
    new Counter({
      name: "router_writes_refused_total",
      help: "Writes that were refused because of the role of this region.",
      labelNames: ["reason"],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of region.refused) this.inc({ reason }, count);
      },
    });
  }

  /** By rank only: paths would be labels without end. */
  #watchHotSpots(files: RoutedFiles): void {
    const registers = this.#registers;
    new Gauge({
      name: "router_hot_paths",
      help: "Paths that are hot: see hotSpotShare.",
      aggregator: "max",
      registers,
      collect() {
        this.set(files.hotSpots.hotPaths().length);
      },
    });
    new Gauge({
      name: "router_hot_spot_share",
      help: "Share of the requests or bytes of lately that the path or directory of this rank gets.",
      labelNames: ["of", "by", "rank"],
      aggregator: "max",
      registers,
      collect() {
        this.reset();
        const { paths, directories } = files.hotSpots.report(HOT_SPOT_RANKS);
        for (const [of, { byRequests, byBytes }] of Object.entries({ path: paths, directory: directories })) {
          for (const [by, spots] of Object.entries({ requests: byRequests, bytes: byBytes })) {
            for (const [index, { share }] of spots.entries()) this.set({ of, by, rank: index + 1 }, share);
          }
        }
      },
    });
    new Counter({
      name: "router_shared_reads_total",
      help: "Requests that got what was read for another one.",
      registers,
      collect() {
        this.reset();
        this.inc(files.sharedReads);
      },
    });
  }

  #show(
    files: RoutedFiles,
    name: string,
    help: string,
    value: (target: Target) => number,
    aggregator: "sum" | "average" | "min" | "max",
  ): void {
    new Gauge({
      name: `router_target_${name}`,
      help,
      aggregator,
      labelNames: ["target"],
      registers: this.#registers,
      collect() {
        this.reset();
        for (const target of files.targets) this.set({ target: target.id }, value(target));
      },
    });
  }

  #count(files: RoutedFiles, name: string, help: string, value: (target: Target) => number): void {
    new Counter({
      name: `router_target_${name}_total`,
      help,
      labelNames: ["target"],
      registers: this.#registers,
      collect() {
        this.reset();
        for (const target of files.targets) this.inc({ target: target.id }, value(target));
      },
    });
  }
}
