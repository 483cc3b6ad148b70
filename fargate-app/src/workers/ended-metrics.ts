/**
 * What workers that have ended had counted, as it was last shown. Without it, the sums over all workers would fall, and
 * Prometheus would take that for a restart, and count once more what the others had counted before.
 */
import { type MetricsAnswer, mergeMetrics, metricsAnswer } from "../metrics.ts";

export class EndedMetrics {
  /** By worker. */
  readonly #shown = new Map<number, MetricsAnswer>();
  readonly #ended: MetricsAnswer[] = [];

  /** Remembers what a worker answered. */
  note(worker: number, answer: unknown): void {
    this.#shown.set(worker, metricsAnswer.parse(answer));
  }

  noteEnd(worker: number): void {
    const last = this.#shown.get(worker);
    this.#shown.delete(worker);
    if (last !== undefined) this.#ended.push(last.filter(onlyGrows));
  }

  /** In the form of an answer. */
  async sum(): Promise<MetricsAnswer> {
    const parts = this.#ended.splice(0);
    const merged = await mergeMetrics(parts);
    this.#ended.push(merged);
    return merged;
  }
}

function onlyGrows({ type, aggregator }: MetricsAnswer[number]): boolean {
  return (type === "counter" || type === "histogram") && aggregator === "sum";
}
