/**
 * What workers that have ended, or do not answer in time, had counted, as it was last shown. Without it, the sums over all
 * workers would fall, and Prometheus would take that for a restart, and count once more what the others had counted before.
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

  /** What a worker had counted when it last answered; undefined where it never has. */
  lastOf(worker: number): MetricsAnswer | undefined {
    return this.#shown.get(worker)?.filter(onlyGrows);
  }

  noteEnd(worker: number): void {
    const last = this.lastOf(worker);
    this.#shown.delete(worker);
    if (last !== undefined) this.#ended = this.#ended.then((ended) => mergeMetrics([ended, last]));
  }

  /** In the form of an answer. */
  sum(): Promise<MetricsAnswer> {
    return this.#ended;
  }
}

function onlyGrows({ type, aggregator }: MetricsAnswer[number]): boolean {
  return (type === "counter" || type === "histogram") && aggregator === "sum";
}
