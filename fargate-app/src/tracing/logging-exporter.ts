/** Logs when spans can no longer be exported, and when they can be again: not for each batch. */
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Logger } from "pino";

export class LoggingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  /** Where it exports to. */
  readonly #destination: string;
  readonly #log: Pick<Logger, "info" | "warn">;
  /** Spans, since the last batch that was exported. */
  #lost = 0;

  constructor(exporter: SpanExporter, destination: string, log: Pick<Logger, "info" | "warn">) {
    this.#exporter = exporter;
    this.#destination = destination;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      this.#note(spans.length, result);
      done(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  #note(spans: number, { code, error }: ExportResult): void {
    if (code !== ExportResultCode.SUCCESS) {
      if (this.#lost === 0) {
        const reason = error?.message || "it did not respond";
        this.#log.warn({ err: error }, `Spans cannot be exported to ${this.#destination}, and are lost: ${reason}`);
      }
      this.#lost += spans;
    } else if (this.#lost > 0) {
      this.#log.info({ lost: this.#lost }, `Spans are exported to ${this.#destination} again: ${this.#lost} were lost`);
      this.#lost = 0;
    }
  }
}
