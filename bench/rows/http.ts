/** What HTTP, the router and NFS cost together, against a web server that has the files on its disk. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createFileClient } from "../../local/demo/file-client.ts";
import { type FileService, startFileService } from "../file-service.ts";
import { type HttpSample, httpLoad } from "../http-load.ts";
import { interleave } from "../interleave.ts";
import { startNginx } from "../peers/nginx.ts";
import { type Bench, boundedFigure, type Figure, type Row, ratioAtMost } from "../row.ts";

const FILES = 1_000;
const FILE_BYTES = 4 * 1024;
const ROUNDS = 3;
/** The router is compiled by V8 by then. */
const WARM_UP = { connections: 64, duration: 5_000 };

export const http: Row = {
  name: "http",
  what: "4 KiB files from the router, as nginx serves them off its disk; both with one process and a kept connection",
  seconds: 35,
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
  const compounds = async () => (await router.targets())[0]?.compounds ?? 0;
  const each = async (name: string, request: (path: string) => Promise<unknown>, limit: number): Promise<Figure> => {
    const before = await compounds();
    for (const path of paths) await request(path);
    const value = ((await compounds()) - before) / paths.length;
    return boundedFigure(`COMPOUNDs for a ${name}`, value, limit);
  };
  return [
    await each("GET", (path) => client.get(path), 1),
    // The second one asks, at the same time, whether there was such a file: HTTP tells 201 from 204.
    await each("PUT", (path) => client.put(path, content), 2),
  ];
}

async function measure(bench: Bench): Promise<Figure[]> {
  const load = await httpLoad(bench);
  if (load === undefined) return [];
  const service = await startFileService(bench, { mountTargets: 1 });
  const paths = await makeFiles(service, FILES);
  const router = await service.startRouter(service.addresses);
  const nginx = await startNginx(bench, service.directory);
  const urls = (url: string) => paths.map((path) => `${url}/files/${path}`);
  bench.progress("to warm up");
  await load(urls(router.url), WARM_UP);
  const figures: Figure[] = [];
  for (const connections of [1, 64]) {
    const side = (url: string) => () => load(urls(url), { connections, duration: 2_000 });
    const samples = await interleave<{ ours: HttpSample; nginx: HttpSample }>(
      bench,
      `${connections} connections`,
      ROUNDS,
      { ours: side(router.url), nginx: nginx === undefined ? undefined : side(nginx) },
    );
    const figure = (key: keyof HttpSample, name: string): Figure => ({
      name: `${connections === 1 ? "one connection" : `${connections} connections`}, ${name}`,
      unit: key === "perSecond" ? "/s" : "ms",
      better: key === "perSecond" ? "higher" : "lower",
      ours: samples.ours.map((sample) => sample[key]),
      peer: { name: "nginx", values: samples.nginx.map((sample) => sample[key]) },
    });
    figures.push(figure("perSecond", "GET"), figure("p50", "median"), {
      ...figure("p99", "99th percentile"),
      goal: ratioAtMost(3),
    });
  }
  return figures;
}

/** Makes files on the disk, and returns their paths below the served directory. */
async function makeFiles({ directory }: FileService, files: number): Promise<string[]> {
  const paths = Array.from({ length: files }, (_, index) => `small/file-${index}`);
  await mkdir(join(directory, "small"), { recursive: true });
  for (const path of paths) await writeFile(join(directory, path), Buffer.alloc(FILE_BYTES, "efs"));
  return paths;
}
