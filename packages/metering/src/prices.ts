/**
 * What throughput and traffic cost, in US dollars a GB: public list prices without taxes.
 *
 * https://aws.amazon.com/efs/pricing/ and https://aws.amazon.com/ec2/pricing/on-demand/ ("Data Transfer within the same
 * AWS Region")
 */
import { METERED_KINDS, type Metered, type MeteredBounds, type MeteredKind } from "./metering.ts";

export interface Prices {
  readonly read: number;
  readonly write: number;
  /** Traffic between Availability Zones: 0.01 at each end. */
  readonly acrossZones: number;
}

export const PRICES_AS_OF = "2026-06";

/** Regions whose prices were looked up. For others there are bytes, and no dollars. */
const PRICES: ReadonlyMap<string, Prices> = new Map([
  ["us-east-1", { read: 0.03, write: 0.06, acrossZones: 0.02 }],
  ["eu-west-1", { read: 0.03, write: 0.07, acrossZones: 0.02 }],
]);

const GIGABYTE = 1e9;

/** A month of 730 hours, as AWS's calculator has it. */
export const SECONDS_IN_A_MONTH = 730 * 3_600;

export function pricesOf(region: string | undefined): Prices | undefined {
  return region === undefined ? undefined : PRICES.get(region);
}

/** Dollars, at least and at most. */
export interface DollarBounds {
  readonly lower: number;
  readonly upper: number;
}

/** Dollars of what elastic throughput meters of one kind. */
export function kindCost(kind: MeteredKind, bytes: number, { read, write }: Prices): number {
  return (bytes * (kind === "data-read" || kind === "metadata-read" ? read : write)) / GIGABYTE;
}

/** Dollars of what elastic throughput meters. */
export function throughputCost({ lower, upper }: MeteredBounds, prices: Prices): DollarBounds {
  const cost = (metered: Metered) =>
    METERED_KINDS.reduce((sum, kind) => sum + kindCost(kind, metered[kind], prices), 0);
  return { lower: cost(lower), upper: cost(upper) };
}

/** Dollars of bytes between Availability Zones. */
export function zoneCost(bytes: number, { acrossZones }: Prices): number {
  return (bytes * acrossZones) / GIGABYTE;
}
