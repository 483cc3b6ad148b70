/** Meters every COMPOUND of this process. */
import { onDiagnostics } from "nfs-client";
import { METERED_KINDS, type Metered, type MeteredBounds, type MeteredKind, meterCompound } from "./metering.ts";

type Totals = Record<MeteredKind, number>;

export class Meter {
  readonly #lower = newTotals();
  readonly #upper = newTotals();
  readonly #stop: () => void;

  constructor() {
    this.#stop = onDiagnostics("nfs-client:compound", ({ operations, bytesSent, bytesReceived }) => {
      const { lower, upper } = meterCompound({ operations, bytesSent, bytesReceived });
      add(this.#lower, lower);
      add(this.#upper, upper);
    });
  }

  /** Bytes since the meter was made. */
  get total(): MeteredBounds {
    return { lower: { ...this.#lower }, upper: { ...this.#upper } };
  }

  stop(): void {
    this.#stop();
  }
}

function newTotals(): Totals {
  return { "data-read": 0, "data-write": 0, "metadata-read": 0, "metadata-write": 0 };
}

function add(totals: Totals, metered: Metered): void {
  for (const kind of METERED_KINDS) totals[kind] += metered[kind];
}
