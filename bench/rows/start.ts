/** How long the two bundles take to start, as Lambda and ECS start them, and an application that opens the files itself. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { REGION } from "../../local/account.ts";
import { CertificateAuthority } from "../../tests/support/certificates.ts";
import { type Address, type FileService, startFileService } from "../file-service.ts";
import { interleave } from "../interleave.ts";
import { SERVER_NAME, tlsEnvironment } from "../nfs/tls.ts";
import { processorSeconds } from "../processor-time.ts";
import { bundleProgram, runProgram } from "../program.ts";
import { type Bench, boundedFigure, type Figure, type Row, valueAtMost } from "../row.ts";
import { startTlsFront } from "../tls-front.ts";

const MONITOR = "dist/file-monitor/index.cjs";
const ROUNDS = 5;
const MOUNT_TARGETS = 3;
/** As in the function's environment, and in the router's image. */
const NODE_OPTIONS = "--enable-source-maps";

export const start: Row = {
  name: "start",
  what: "The monitor until its handler is loaded, the router until it is ready, an application until `openFiles` has opened; all from the start of the process",
  seconds: 15,
  check: checkSize,
  measure,
};

async function checkSize(): Promise<Figure[]> {
  const { size } = await stat(MONITOR);
  return [boundedFigure("monitor's bundle", size / 1e6, 1.5, "MB")];
}

async function measure(bench: Bench): Promise<Figure[]> {
  const service = await startFileService(bench, { mountTargets: MOUNT_TARGETS });
  const tls = await startTls(bench, service);
  const application = await bundleProgram("start/open-files.ts");
  const samples = await interleave(bench, "starts", ROUNDS, {
    node: () => loadedAfter(bench, "node:fs"),
    monitor: () => loadedAfter(bench, resolve(MONITOR)),
    openFiles: () => openAfter(bench, application, service),
    router: () => readyAfter(service, service.addresses),
    routerOverTls: () => readyAfter(service, tls.addresses, tls.environment),
  });
  const figure = { unit: "ms", better: "lower" } as const;
  return [
    {
      ...figure,
      name: "monitor",
      ours: samples.monitor,
      peer: { name: "Node.js alone", values: samples.node },
      goal: valueAtMost(400),
    },
    {
      ...figure,
      name: "openFiles",
      ours: samples.openFiles,
      peer: { name: "Node.js alone", values: samples.node },
      goal: valueAtMost(300),
    },
    ...routerFigures("router", samples.router),
    ...routerFigures("router, TLS and IAM", samples.routerOverTls),
  ];
}

function routerFigures(name: string, starts: readonly Start[]): Figure[] {
  const figure = { unit: "ms", better: "lower" } as const;
  return [
    { ...figure, name, ours: starts.map(({ ready }) => ready), goal: valueAtMost(1_000) },
    { ...figure, name: `${name}, processor time`, ours: starts.map(({ processorTime }) => processorTime) },
  ];
}

/** Milliseconds from the start of a Node.js process until a module is loaded. */
async function loadedAfter(bench: Bench, module: string): Promise<number> {
  const script = `require(${JSON.stringify(module)}); console.log(performance.now())`;
  return runProgram(bench, z.number(), [process.execPath, "-e", script], { NODE_OPTIONS });
}

/** Milliseconds from the start of an application until its files are open. */
async function openAfter(bench: Bench, application: string, service: FileService): Promise<number> {
  return runProgram(bench, z.number(), [process.execPath, application], {
    ...service.publish(service.addresses),
    NFS_TLS: "off",
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: "AKIDLOCAL",
    AWS_SECRET_ACCESS_KEY: "local",
  });
}

/** Of a router until it says that it is ready, in milliseconds since the start of its process. */
interface Start {
  readonly ready: number;
  /** Of all its threads: on a machine with several cores, the key is made beside everything else. */
  readonly processorTime: number;
}

async function readyAfter(
  service: FileService,
  addresses: readonly Address[],
  environment?: Readonly<Record<string, string>>,
): Promise<Start> {
  const begin = performance.now();
  const router = await service.startRouter(addresses, { NODE_OPTIONS, ...environment });
  const { ok } = await fetch(`${router.url}/readyz`);
  if (!ok) throw new Error("A router that listens is not ready");
  const ready = performance.now() - begin;
  const processorTime = (await processorSeconds(router.child.pid)) * 1_000;
  await router.stop();
  return { ready, processorTime };
}

/** What the stack's own settings ask of a start: TLS to each mount target, and a signed certificate for it. */
async function startTls(bench: Bench, { addresses }: FileService) {
  const authority = await CertificateAuthority.create();
  const certificate = await authority.issue(SERVER_NAME);
  const tls = await tlsEnvironment(bench, { authority: authority.certificate, serverName: SERVER_NAME });
  return {
    addresses: await Promise.all(addresses.map((address) => startTlsFront(bench, address, certificate))),
    environment: { ...tls, EFS_IAM_AUTHORIZATION: "on" },
  };
}
