/** The router's metrics for Prometheus. Labels have few values: mount targets, operations, methods, routes, statuses. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { RoutedFiles } from "./router/routed-files.ts";
import { OPERATIONS, type OperationObserver } from "./router/statistics.ts";
import type { Target } from "./router/target.ts";
import { TARGET_STATES } from "./router/target-state.ts";

/** Seconds; EFS answers in about a millisecond at best. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface HttpExchange {
  readonly method: string;
  /** The pattern of the route, not the path of the request. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

export class Metrics {
  readonly registry = new Registry();
  readonly #registers = [this.registry];
  readonly #requests = new Counter({
    name: "router_http_requests_total",
    help: "HTTP requests; with the status 499 those whose answer was not finished.",
    labelNames: ["method", "route", "status"],
    registers: this.#registers,
  });
  readonly #durations = new Histogram({
    name: "router_http_request_duration_seconds",
    help: "Time from the request's head to the end of the answer.",
    labelNames: ["method", "route"],
    buckets: BUCKETS,
    registers: this.#registers,
  });
  readonly #operations = new Histogram({
    name: "router_target_operation_duration_seconds",
    help: "Time that operations took at a mount target; of streams, until their first byte.",
    labelNames: ["target", "operation"],
    buckets: BUCKETS,
    registers: this.#registers,
    collect: () => this.#forgetRemovedTargets(),
  });
  /** The mount targets that operations were observed of. */
  readonly #observed = new Set<string>();
  #router: RoutedFiles | undefined;

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

  /** Adds what the router counts of its targets; it is read only when somebody asks for the metrics. */
  watch(router: RoutedFiles): void {
    this.#router = router;
    this.#count(router, "requests", "Operations tried.", ({ statistics }) => statistics.requests);
    this.#count(
      router,
      "errors",
      "Operations that failed through the mount target.",
      ({ statistics }) => statistics.errors,
    );
    this.#count(router, "read_bytes", "Bytes of files read.", ({ statistics }) => statistics.bytesRead);
    this.#count(router, "written_bytes", "Bytes of files written.", ({ statistics }) => statistics.bytesWritten);
    this.#count(router, "compounds", "NFSv4.1 COMPOUNDs sent.", ({ compounds }) => compounds);
    new Gauge({
      name: "router_target_state",
      help: "1 for the state that the mount target is in, 0 for the others.",
      labelNames: ["target", "state"],
      registers: this.#registers,
      collect() {
        this.reset();
        for (const { id, state } of router.targets) {
          for (const each of TARGET_STATES) this.set({ target: id, state: each }, each === state ? 1 : 0);
        }
      },
    });
  }

  #forgetRemovedTargets(): void {
    const present = new Set(this.#router?.targets.map(({ id }) => id));
    for (const target of [...this.#observed].filter((id) => !present.has(id))) {
      for (const operation of OPERATIONS) this.#operations.remove({ target, operation });
      this.#observed.delete(target);
    }
  }

  #count(router: RoutedFiles, name: string, help: string, value: (target: Target) => number): void {
    new Counter({
      name: `router_target_${name}_total`,
      help,
      labelNames: ["target"],
      registers: this.#registers,
      collect() {
        this.reset();
        for (const target of router.targets) this.inc({ target: target.id }, value(target));
      },
    });
  }
}
