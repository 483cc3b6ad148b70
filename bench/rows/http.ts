/** What HTTP, the router and NFS cost together, against a web server that has the files on its disk. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFileClient } from "../../local/demo/file-client.ts";
import { compoundsOf } from "../compounds-of.ts";
import { type Address, type FileService, startFileService } from "../file-service.ts";
import { type HttpMeasured, type HttpSample, httpLoad, withProcessorTime } from "../http-load.ts";
import { interleave } from "../interleave.ts";
import { startTlsServer, tlsEnvironment } from "../nfs/tls.ts";
import { startFastApi } from "../peers/fastapi.ts";
import { startNginx } from "../peers/nginx.ts";
import { type Bench, boundedFigure, type Figure, type Goal, type Row, ratioAtLeast, ratioAtMost } from "../row.ts";

const FILES = 1_000;
const FILE_BYTES = 4 * 1024;
const ROUNDS = 3;
/** Milliseconds. */
const DURATION = 1_000;
/** The router is compiled by V8 by then. */
const WARM_UP = { connections: 64, duration: 4_000 };

const PEERS = ["nginx", "FastAPI"] as const;
type PeerName = (typeof PEERS)[number];

type Goals = Record<PeerName, Partial<Record<keyof HttpSample, Goal>>>;

/** FastAPI reads from its local disk, where the router goes over NFS. */
const LOADS: readonly { readonly connections: number; readonly goals: Goals }[] = [
  { connections: 1, goals: { nginx: {}, FastAPI: { perSecond: ratioAtLeast(1) } } },
  {
    connections: 64,
    goals: {
      nginx: { p50: ratioAtMost(4), p99: ratioAtMost(5) },
      FastAPI: { perSecond: ratioAtLeast(5), p99: ratioAtMost(0.3) },
    },
  },
];

interface FigureForm<Key extends keyof HttpMeasured = keyof HttpMeasured> {
  readonly key: Key;
  readonly name: string;
  readonly unit: string;
  readonly better: Figure["better"];
}

const FORMS: readonly FigureForm<keyof HttpSample>[] = [
  { key: "perSecond", name: "GET", unit: "/s", better: "higher" },
  { key: "p50", name: "median", unit: "ms", better: "lower" },
  { key: "p99", name: "99th percentile", unit: "ms", better: "lower" },
];

export const http: Row = {
  name: "http",
  what: "4 KiB files from the router over NFS, as nginx and FastAPI serve them off their disk; one process, kept connections",
  seconds: 38,
  check: checkCompounds,
  measure,
};

async function checkCompounds(bench: Bench): Promise<Figure[]> {
  const service = await startFileService(bench, { mountTargets: 1 });
  const paths = await makeFiles(service, 100);
  const router = await service.startRouter(service.addresses);
  const client = createFileClient(router.url);
  bench.cleanups.add(async () => client.close());
  const content = Buffer.alloc(FILE_BYTES);
  const each = async (name: string, request: (path: string) => Promise<unknown>, limit: number): Promise<Figure> => {
    const compounds = await compoundsOf(router, async () => {
      for (const path of paths) await request(path);
    });
    return boundedFigure(`COMPOUNDs for a ${name}`, compounds / paths.length, limit);
  };
  return [
    await each("GET", (path) => client.get(path), 1),
    // The second one asks, at the same time, whether there was such a file: HTTP tells 201 from 204.
    await each("PUT", (path) => client.put(path, content), 2),
  ];
}

/** Where the requests of a side go, and the process that serves them, where its processor time is measured. */
interface Side {
  readonly url: string;
  readonly pid?: number | undefined;
}

async function measure(bench: Bench): Promise<Figure[]> {
  const load = await httpLoad(bench);
  if (load === undefined) return [];
  const service = await startFileService(bench, { mountTargets: 1 });
  const paths = await makeFiles(service, FILES);
  const urls = ({ url }: Side) => paths.map((path) => `${url}/files/${path}`);
  const router = await startRouter(service, service.addresses);
  const overTls = await startRouterOverTls(bench, service);
  const peers = {
    nginx: await startNginx(bench, service.directory),
    FastAPI: await startFastApi(bench, service.directory),
  };
  bench.progress("to warm up");
  for (const side of [router, overTls]) if (side !== undefined) await load(urls(side), WARM_UP);
  const figures: Figure[] = [];
  for (const { connections, goals } of LOADS) {
    const measuring = (side: Side | undefined) =>
      side && (() => withProcessorTime(side.pid, DURATION, (duration) => load(urls(side), { connections, duration })));
    const peer = (url: string | undefined) => measuring(url === undefined ? undefined : { url });
    const what = connections === 1 ? "one connection" : `${connections} connections`;
    const samples = await interleave<Record<"ours" | "tls" | PeerName, HttpMeasured>>(bench, what, ROUNDS, {
      ours: measuring(router),
      tls: measuring(overTls),
      nginx: peer(peers.nginx),
      FastAPI: peer(peers.FastAPI),
    });
    const figure = ({ key, name, unit, better }: FigureForm) => ({
      name: `${what}, ${name}`,
      unit,
      better,
      ours: samples.ours.map((sample) => sample[key]),
    });
    for (const form of FORMS) {
      for (const name of PEERS) {
        const goal = goals[name][form.key];
        const values = samples[name].map((sample) => sample[form.key]);
        // A peer that is missing shows where there is a goal against it.
        if (values.length === 0 && goal === undefined) continue;
        figures.push({ ...figure(form), peer: { name, values }, ...(goal === undefined ? {} : { goal }) });
      }
    }
    const processorTime = figure({ key: "processorTime", name: "processor time each", unit: "µs", better: "lower" });
    figures.push({
      ...processorTime,
      peer: { name: "over TLS", values: samples.tls.map((sample) => sample.processorTime) },
    });
    figures.push({
      ...figure({ key: "perSecond", name: "GET, NFS in plain text", unit: "/s", better: "higher" }),
      peer: { name: "over TLS", values: samples.tls.map((sample) => sample.perSecond) },
    });
  }
  return figures;
}

async function startRouter(
  service: FileService,
  addresses: readonly Address[],
  environment?: Readonly<Record<string, string>>,
): Promise<Side> {
  const { url, child } = await service.startRouter(addresses, environment);
  return { url, pid: child.pid };
}

/** As a deployed router has it: TLS to its mount target. */
async function startRouterOverTls(bench: Bench, service: FileService): Promise<Side | undefined> {
  const [address] = service.addresses;
  const server = address && (await startTlsServer(bench, address));
  return server && startRouter(service, [server], await tlsEnvironment(bench, server.tls));
}

/** Makes files on the disk, and returns their paths below the served directory. */
async function makeFiles({ directory }: FileService, files: number): Promise<string[]> {
  const paths = Array.from({ length: files }, (_, index) => `small/file-${index}`);
  await mkdir(join(directory, "small"), { recursive: true });
  for (const path of paths) await writeFile(join(directory, path), Buffer.alloc(FILE_BYTES, "efs"));
  return paths;
}
