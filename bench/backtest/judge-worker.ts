/** A thread that judges one series: see `rows/forecast.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { judgeSeries } from "./judge-series.ts";

parentPort?.postMessage(judgeSeries(workerData));
