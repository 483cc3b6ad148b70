/** Meters every COMPOUND of this process. */
import { onDiagnostics } from "nfs-client";
import {
  METERED_KINDS,
  type Metered,
  type MeteredBounds,
  type MeteredKind,
  meterCompound,
  NOTHING,
} from "./metering.ts";

type Totals = Record<MeteredKind, number>;

export class Meter {
  readonly #lower: Totals = { ...NOTHING };
  readonly #upper: Totals = { ...NOTHING };
  readonly #stop: () => void;

  constructor() {
    this.#stop = onDiagnostics("nfs-client:compound", (compound) => {
      const { lower, upper } = meterCompound(compound);
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

function add(totals: Totals, metered: Metered): void {
  for (const kind of METERED_KINDS) totals[kind] += metered[kind];
}
