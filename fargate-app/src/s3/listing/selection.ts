/** The first names of a directory in key order, from a READDIR that returns them in no order, in bounded memory. */
import { compareKeys } from "../keys.ts";

/**
 * Keeps the `size` smallest keys above `after`, of any number that are offered. It holds up to twice as many, and sorts
 * them when it is full, so that each key costs a comparison or two.
 */
export class Selection<Item extends { readonly key: string }> {
  readonly #size: number;
  readonly #after: string;
  #items: Item[] = [];
  /** Keys from here on are not among the smallest. */
  #bound: string | undefined;

  constructor(size: number, after: string) {
    this.#size = size;
    this.#after = after;
  }

  offer(item: Item): void {
    if (compareKeys(item.key, this.#after) <= 0) return;
    if (this.#bound !== undefined && compareKeys(item.key, this.#bound) >= 0) return;
    this.#items.push(item);
    if (this.#items.length >= 2 * this.#size) this.#cut();
  }

  /** In order. */
  get items(): readonly Item[] {
    this.#cut();
    return this.#items;
  }

  #cut(): void {
    this.#items.sort((a, b) => compareKeys(a.key, b.key));
    this.#items = this.#items.slice(0, this.#size);
    if (this.#items.length === this.#size) this.#bound = this.#items.at(-1)?.key;
  }
}
