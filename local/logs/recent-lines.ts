/** The last lines that tasks, monitor and servers printed, to show when something fails. */
import type { LogLine } from "./log-line.ts";

export class RecentLines {
  readonly #capacity: number;
  #lines: LogLine[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(line: LogLine): void {
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#capacity) this.#lines = this.#lines.slice(-this.#capacity);
  }

  toString(): string {
    return this.#lines
      .slice(-this.#capacity)
      .map(({ source, text }) => `${source}: ${text}`)
      .join("\n");
  }
}
