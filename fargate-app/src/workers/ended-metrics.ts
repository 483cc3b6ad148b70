/**
 * What workers that have ended had counted, as it was last shown. Without it, the sums over all workers would fall, and
 * Prometheus would take that for a restart, and count once more what the others had counted before.
 */
import { type MetricsAnswer, mergeMetrics, metricsAnswer } from "../metrics.ts";

export class EndedMetrics {
  /** By worker. */
  readonly #shown = new Map<number, MetricsAnswer>();
  /** Of all that have ended. */
  #ended: Promise<MetricsAnswer> = Promise.resolve([]);

  /** Remembers what a worker answered. */
  note(worker: number, answer: unknown): void {
    this.#shown.set(worker, metricsAnswer.parse(answer));
  }

  noteEnd(worker: number): void {
    const last = this.#shown.get(worker);
    this.#shown.delete(worker);
    if (last !== undefined) this.#ended = this.#ended.then((ended) => mergeMetrics([ended, last.filter(onlyGrows)]));
  }

  /** In the form of an answer. */
  sum(): Promise<MetricsAnswer> {
    return this.#ended;
  }
}

function onlyGrows({ type, aggregator }: MetricsAnswer[number]): boolean {
  return (type === "counter" || type === "histogram") && aggregator === "sum";
}
