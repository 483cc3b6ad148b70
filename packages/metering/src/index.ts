/** What Amazon EFS meters for the COMPOUNDs of a client, and what that costs. */
export { Meter } from "./meter.ts";
export {
  type Compound,
  METERED_KINDS,
  type Metered,
  type MeteredBounds,
  type MeteredKind,
  meterCompound,
  meteredBytes,
  NOTHING,
} from "./metering.ts";
export {
  type DollarBounds,
  kindCost,
  PRICES_AS_OF,
  type Prices,
  pricesOf,
  SECONDS_IN_A_MONTH,
  throughputCost,
  zoneCost,
} from "./prices.ts";
