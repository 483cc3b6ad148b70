/** Whether several workers of a router do as much as so many routers: each is held to a share of a core. */
import { join } from "node:path";
import { childrenOf } from "../../tests/support/worker-processes.ts";
import { cpuShares } from "../cpu-share.ts";
import { startFileService } from "../file-service.ts";
import { makeFileTree } from "../file-tree/file-tree.ts";
import { httpLoad } from "../http-load.ts";
import { interleave } from "../interleave.ts";
import { type Bench, type Figure, type Row, ratioAtLeast } from "../row.ts";

/** Of a core, for each worker: four of them, the server and the load together leave the machine idle for some of the time. */
const SHARE = 0.1;
const CONNECTIONS = 64;
/**
 * For each worker: all of them find as many requests at once, as more clients would bring. In all: the same clients are
 * shared out, so each worker finds fewer requests at once, and fewer of them share system calls.
 */
const SPREADS = [
  { name: `${CONNECTIONS} connections each`, connections: (workers: number) => CONNECTIONS * workers },
  { name: `${CONNECTIONS} connections in all`, connections: () => CONNECTIONS },
];
const FILES = 1_000;
const FILE_BYTES = 4 * 1024;
const ROUNDS = 2;
/** Milliseconds for each worker. V8 has compiled it by then; its share begins later. */
const WARM_UP = 2_000;
/** While others have their turn, a worker forgets: caches, and what V8 has compiled. */
const AGAIN_WARM = 1_500;
const WINDOW = 1_500;
/** Of what so many workers would do if they shared nothing. */
const GOAL = 0.9;

export const workers: Row = {
  name: "workers",
  what: `4 KiB files from one router over ${CONNECTIONS} connections for each worker, and in all; a worker has ${SHARE * 100} % of a core`,
  seconds: 43,
  measure,
};

async function measure(bench: Bench): Promise<Figure[]> {
  const load = await httpLoad(bench);
  const holdToShare = await cpuShares(bench);
  if (load === undefined || holdToShare === undefined) return [];
  const service = await startFileService(bench, { mountTargets: 1 });
  await makeFileTree(join(service.directory, "small"), { files: FILES, bytes: FILE_BYTES });
  const side = async (count: number) => {
    const router = await service.startRouter(service.addresses, {
      ROUTER_WORKERS: String(count),
      // A worker that waits for its share must not take its mount target for silent.
      NFS_DETECTION_TIMEOUT_SECONDS: "30",
    });
    const urls = Array.from({ length: FILES }, (_, index) => `${router.url}/files/small/file-${index}`);
    bench.progress(`to warm up ${count} workers`);
    await load(urls, { connections: CONNECTIONS * count, duration: WARM_UP * count });
    await holdToShare(count === 1 ? [router.child.pid ?? 0] : await childrenOf(router.child.pid), SHARE);
    return async (connections: number) => {
      await load(urls, { connections, duration: AGAIN_WARM });
      return (await load(urls, { connections, duration: WINDOW })).perSecond;
    };
  };
  const sides = { one: await side(1), two: await side(2), four: await side(4) };
  const figures: Figure[] = [];
  for (const { name, connections } of SPREADS) {
    const { one, two, four } = await interleave(bench, name, ROUNDS, {
      one: () => sides.one(connections(1)),
      two: () => sides.two(connections(2)),
      four: () => sides.four(connections(4)),
    });
    const figure = (count: number, ours: number[]): Figure => ({
      name: `GET, ${count} workers, ${name}`,
      unit: "/s",
      better: "higher",
      ours,
      peer: { name: "1 worker", values: one },
      goal: ratioAtLeast(GOAL * count),
    });
    figures.push(figure(2, two), figure(4, four));
  }
  return figures;
}
