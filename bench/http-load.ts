/** Load on an HTTP server from a process of its own: h2load (Debian), which logs each request. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeTemporaryDirectory } from "../local/machine/temporary-directory.ts";
import { debianProgram } from "../tests/support/programs.ts";
import { processorSeconds } from "./processor-time.ts";
import type { Bench } from "./row.ts";

const h2load = debianProgram("h2load", "nghttp2-client");

interface HttpLoad {
  /** Connections, each with one request at a time. */
  readonly connections: number;
  /** Milliseconds. */
  readonly duration: number;
  /** The file that each request sends, as a PUT. A GET where there is none. */
  readonly body?: string;
}

export interface HttpSample {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface HttpMeasured extends HttpSample {
  /** Microseconds of the server's process for each request; not a number where the process is not known. */
  readonly processorTime: number;
}

/** What `send` measures in `duration` milliseconds, and what its requests take of the process that serves them. */
export async function withProcessorTime(
  pid: number | undefined,
  duration: number,
  send: (duration: number) => Promise<HttpSample>,
): Promise<HttpMeasured> {
  const before = await processorSeconds(pid);
  const sample = await send(duration);
  const seconds = (await processorSeconds(pid)) - before;
  return { ...sample, processorTime: (seconds * 1e6) / (sample.perSecond * (duration / 1000)) };
}

export type SendLoad = (urls: readonly string[], load: HttpLoad) => Promise<HttpSample>;

/** @returns undefined when h2load is missing, which is noted. */
export async function httpLoad({ cleanups, note, signal }: Bench): Promise<SendLoad | undefined> {
  const command = h2load.find();
  if (command === undefined) {
    note(`${h2load.name} is missing (${h2load.howToGet}).`);
    return undefined;
  }
  const folder = await makeTemporaryDirectory("bench-h2load-");
  cleanups.add(() => folder.remove());
  const [program, ...leading] = command;
  const run = async (name: string, urls: readonly string[], { connections, duration, body }: HttpLoad) => {
    const [log, list] = [join(folder.path, `${name}.log`), join(folder.path, `${name}.urls`)];
    await writeFile(list, urls.join("\n"));
    await writeFile(log, "");
    const parameters = ["--h1", "-t1", `-c${connections}`, `-D${duration}ms`, `-i${list}`, `--log-file=${log}`];
    const put = body === undefined ? [] : ["-H:method: PUT", `-d${body}`];
    await promisify(execFile)(program, [...leading, ...parameters, ...put], {
      // Each with listeners of its own: there may be many at once.
      signal: AbortSignal.any([signal]),
    });
    return readFile(log, "utf8");
  };
  return async (urls, load) => {
    // Each connection of h2load begins with the first URL. Those that write would meet in one file.
    const logs =
      load.body === undefined
        ? [await run("get", urls, load)]
        : await Promise.all(
            dealt(urls, load.connections).map((own, index) => run(`put-${index}`, own, { ...load, connections: 1 })),
          );
    return summarize(logs, load.duration);
  };
}

/** Deals values out to so many hands, none of which may stay empty. */
function dealt<Value>(values: readonly Value[], hands: number): Value[][] {
  return Array.from({ length: Math.min(hands, values.length) }, (_, hand) =>
    values.filter((_value, index) => index % hands === hand),
  );
}

/** @param logs with a line a request: when it began, its status, and its microseconds. */
function summarize(logs: readonly string[], duration: number): HttpSample {
  const times: number[] = [];
  // A connection may have got no response in so short a time.
  for (const line of logs.join("").split("\n").filter(Boolean)) {
    const [, status, microseconds] = line.split("\t");
    if (status !== "200") throw new Error(`A request was answered with ${status ?? line}`);
    times.push(Number(microseconds) / 1000);
  }
  times.sort((a, b) => a - b);
  const percentile = (share: number) => times[Math.floor((times.length - 1) * share)] ?? Number.NaN;
  return { perSecond: times.length / (duration / 1000), p50: percentile(0.5), p99: percentile(0.99) };
}
