/** The entry at the end of an archive that names what is not in it. */
import { TEMPORARY_PREFIX } from "nfs-client";
import type { Omission } from "./archive.ts";

/** No file of a client can have this name. */
export const OMISSIONS_NAME = `${TEMPORARY_PREFIX}omitted.ndjson`;

/** Omissions that are named; of more than these, the last line says how many there are. */
const MAX_NAMED = 10_000;

export class Omissions {
  readonly #describe: (omission: Omission) => object;
  readonly #lines: string[] = [];
  #count = 0;

  constructor(describe: (omission: Omission) => object) {
    this.#describe = describe;
  }

  add(omission: Omission): void {
    this.#count += 1;
    if (this.#count <= MAX_NAMED) this.#lines.push(JSON.stringify(this.#describe(omission)));
  }

  /** Lines of JSON; undefined where nothing was omitted. */
  list(): { readonly name: string; readonly content: Buffer } | undefined {
    if (this.#count === 0) return undefined;
    const more = this.#count - this.#lines.length;
    const lines = more === 0 ? this.#lines : [...this.#lines, JSON.stringify({ more })];
    return { name: OMISSIONS_NAME, content: Buffer.from(lines.map((line) => `${line}\n`).join("")) };
  }
}
