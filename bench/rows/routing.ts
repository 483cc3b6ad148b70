/** Which mount target a path belongs to: how quickly that is decided, and what a new target moves. */
import { hash } from "node:crypto";
import {
  Balancer,
  type FilePath,
  filePath,
  LoadMeter,
  type RoutingStrategy,
} from "@efs-mount-autoscaling/routed-files";
import { interleave } from "../interleave.ts";
import { loadHashRing } from "../peers/hashring.ts";
import { type Bench, boundedFigure, type Figure, type Peer, type Row, valueAtLeast } from "../row.ts";

export const routing: Row = {
  name: "routing",
  what: "Paths routed to one of several mount targets, with SHA-256 of the path; paths that a new target moves",
  seconds: 15,
  check: checkMoved,
  measure: async (bench) => {
    const hashRing = loadHashRing(bench.note);
    return [...(await measureSpeed(bench, hashRing)), ...compareMoved(hashRing)];
  },
};

/** The targets that a path can go to, prepared; the function says where it goes. */
type Route = (path: FilePath) => string | undefined;

type MakeHashRing = ReturnType<typeof loadHashRing>;

const TARGETS = [2, 3, 6];
/** So many that chance moves a share by about a third of a percent of itself. */
const PATHS = 500_000;
const DECISIONS = 100_000;
const ROUNDS = 5;

/** How far the share of paths that a new target moves is from the least there can be. */
async function checkMoved({ signal, progress }: Bench): Promise<Figure[]> {
  const paths = makePaths(PATHS);
  const figures: Figure[] = [];
  for (const targets of TARGETS) {
    progress(`from ${targets} targets to ${targets + 1}`);
    signal.throwIfAborted();
    const { toNew, betweenOld } = countMoves((count) => ours("rendezvous", count), targets, paths);
    const off = Math.abs((toNew + betweenOld) / (paths.length / (targets + 1)) - 1) * 100;
    figures.push(
      boundedFigure(`share moved by target ${targets + 1}, off 1/${targets + 1}`, off, 1, "%"),
      boundedFigure(`paths that target ${targets + 1} moves among the others`, betweenOld, 0),
    );
  }
  return figures;
}

function compareMoved(hashRing: MakeHashRing): Figure[] {
  const paths = makePaths(DECISIONS);
  const share = (routes: (targets: number) => Route, targets: number) => {
    const { toNew, betweenOld } = countMoves(routes, targets, paths);
    return ((toNew + betweenOld) / paths.length) * 100;
  };
  return TARGETS.flatMap((targets) => {
    const rendezvous = [share((count) => ours("rendezvous", count), targets)];
    const figure = (peer: Peer): Figure => ({
      name: `share moved by target ${targets + 1}`,
      unit: "%",
      better: "lower",
      ours: rendezvous,
      peer,
    });
    return [
      figure({ name: "hashring", values: hashRing ? [share((count) => hashRing(names(count)), targets)] : [] }),
      figure({ name: "plain modulo", values: [share(plainModulo, targets)] }),
    ];
  });
}

async function measureSpeed(bench: Bench, hashRing: MakeHashRing): Promise<Figure[]> {
  const paths = makePaths(DECISIONS);
  const figures: Figure[] = [];
  for (const targets of TARGETS) {
    const ring = hashRing?.(names(targets));
    const samples = await interleave(bench, `${targets} targets`, ROUNDS, {
      rendezvous: async () => perSecond(paths, ours("rendezvous", targets)),
      modulo: async () => perSecond(paths, ours("modulo", targets)),
      boundedLoad: async () => perSecond(paths, ours("bounded-load", targets)),
      zoneAware: async () => perSecond(paths, ours("zone-aware", targets)),
      hashring: ring && (async () => perSecond(paths, ring)),
      plainModulo: async () => perSecond(paths, plainModulo(targets)),
    });
    const figure = (strategy: RoutingStrategy, values: readonly number[], peer?: Peer): Figure => ({
      name: `${strategy}, ${targets} targets`,
      unit: "/s",
      better: "higher",
      ours: values,
      ...(peer && { peer }),
      goal: valueAtLeast(500_000),
    });
    figures.push(
      figure("rendezvous", samples.rendezvous, { name: "hashring", values: samples.hashring }),
      figure("modulo", samples.modulo, { name: "plain modulo", values: samples.plainModulo }),
      figure("bounded-load", samples.boundedLoad),
      figure("zone-aware", samples.zoneAware),
    );
  }
  return figures;
}

function countMoves(
  routes: (targets: number) => Route,
  targets: number,
  paths: readonly FilePath[],
): { toNew: number; betweenOld: number } {
  const [before, after] = [routes(targets), routes(targets + 1)];
  const newTarget = names(targets + 1).at(-1);
  let toNew = 0;
  let betweenOld = 0;
  for (const path of paths) {
    const target = after(path);
    if (target === before(path)) continue;
    if (target === newTarget) toNew++;
    else betweenOld++;
  }
  return { toNew, betweenOld };
}

function perSecond(paths: readonly FilePath[], route: Route): number {
  const start = performance.now();
  for (const path of paths) route(path);
  return (paths.length / (performance.now() - start)) * 1000;
}

/** As the router decides, with a snapshot of the loads for each path where the strategy looks at them. */
function ours(strategy: RoutingStrategy, targets: number): Route {
  const measured = names(targets).map((id, index) => ({
    id,
    zone: `zone-${index}`,
    meter: new LoadMeter(),
    isConnected: true,
  }));
  const balancer = new Balancer(measured, { strategy, ownZone: "zone-0" });
  return (path) => balancer.rank(path, { measures: true })[0]?.id;
}

/** As one would write the documents' rule: the whole digest as a number, modulo the number of targets. */
function plainModulo(targets: number): Route {
  const ids = names(targets);
  const divisor = BigInt(targets);
  return (path) => ids[Number(BigInt(`0x${hash("sha256", path, "hex")}`) % divisor)];
}

function names(targets: number): string[] {
  return Array.from({ length: targets }, (_, index) => `fsmt-0e5a00000000000${index + 1}`);
}

function makePaths(count: number): FilePath[] {
  return Array.from({ length: count }, (_, index) =>
    filePath(`2026/11/${index % 31}/customer-${index % 997}/document-${index}.pdf`),
  );
}
