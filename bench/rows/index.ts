/** The rows of the benchmark, in the order they run. */
import type { Row } from "../row.ts";
import { balance } from "./balance.ts";
import { bulk } from "./bulk.ts";
import { compounds } from "./compounds.ts";
import { connections } from "./connections.ts";
import { counting } from "./counting.ts";
import { failover } from "./failover.ts";
import { forecast } from "./forecast.ts";
import { http } from "./http.ts";
import { latency } from "./latency.ts";
import { listing } from "./listing.ts";
import { manyFiles } from "./many-files.ts";
import { routing } from "./routing.ts";
import { s3 } from "./s3.ts";
import { scaleOut } from "./scale-out.ts";
import { scaling } from "./scaling.ts";
import { smallFiles } from "./small-files.ts";
import { start } from "./start.ts";
import { tracing } from "./tracing.ts";
import { workers } from "./workers.ts";

export const rows: readonly Row[] = [
  scaling,
  smallFiles,
  manyFiles,
  compounds,
  latency,
  bulk,
  connections,
  listing,
  counting,
  routing,
  balance,
  http,
  s3,
  workers,
  tracing,
  failover,
  scaleOut,
  forecast,
  start,
];
