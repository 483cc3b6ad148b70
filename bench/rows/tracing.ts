/** What it costs a router to trace its requests. */
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import * as z from "zod";
import { startFileService } from "../file-service.ts";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { httpLoad, withProcessorTime } from "../http-load.ts";
import { interleave } from "../interleave.ts";
import type { Bench, Figure, Row } from "../row.ts";

const FILES = 1_000;
const FILE_BYTES = 4 * 1024;
const CONNECTIONS = 16;
const ROUNDS = 3;
/** Milliseconds. */
const DURATION = 1_200;
const WARM_UP = 2_000;

export const tracing: Row = {
  name: "tracing",
  what: "Processor time of a router for each GET of a 4 KiB file, by the share of the requests that are traced",
  seconds: 20,
  measure,
};

async function measure(bench: Bench): Promise<Figure[]> {
  const load = await httpLoad(bench);
  if (load === undefined) return [];
  const service = await startFileService(bench, { mountTargets: 1 });
  await makeFileTree(join(service.directory, "small"), { files: FILES, bytes: FILE_BYTES });
  const collector = await startCollector(bench);
  const side = async (environment: Readonly<Record<string, string>>) => {
    const { url, child } = await service.startRouter(service.addresses, environment);
    const urls = Array.from({ length: FILES }, (_, index) => `${url}/files/small/file-${index}`);
    bench.progress("to warm up");
    await load(urls, { connections: CONNECTIONS, duration: WARM_UP });
    return () =>
      withProcessorTime(child.pid, DURATION, (duration) => load(urls, { connections: CONNECTIONS, duration }));
  };
  const traced = (share: number) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector,
    OTEL_TRACES_SAMPLER: "traceidratio",
    OTEL_TRACES_SAMPLER_ARG: String(share),
  });
  const samples = await interleave(bench, "GET", ROUNDS, {
    off: await side({}),
    some: await side(traced(0.05)),
    all: await side(traced(1)),
  });
  const times = (of: keyof typeof samples) => samples[of].map(({ processorTime }) => processorTime);
  const figure = (name: string, of: keyof typeof samples): Figure => ({
    name,
    unit: "µs",
    better: "lower",
    ours: times(of),
    peer: { name: "not traced", values: times("off") },
  });
  return [figure("5 % traced", "some"), figure("all traced", "all")];
}

/** Takes all that comes, and keeps nothing. */
async function startCollector({ cleanups }: Bench): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().once("end", () => response.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.add(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = z.object({ port: z.number() }).parse(server.address());
  return `http://127.0.0.1:${port}`;
}
