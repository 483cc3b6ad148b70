/** The S3 API over NFS, beside an S3 server over the local disk and one that keeps objects in memory. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { REGION } from "../../local/account.ts";
import { S3_ACCESS_KEYS_SECRET_ID } from "../../local/environments.ts";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { moto, startMoto } from "../../tests/support/moto.ts";
import { debianProgram, pythonProgram } from "../../tests/support/programs.ts";
import type { RouterProcess } from "../../tests/support/router-bundle.ts";
import { startFileService } from "../file-service.ts";
import { makeTemporaryFileTree } from "../file-tree/file-tree.ts";
import { type HttpSample, httpLoad, type SendLoad } from "../http-load.ts";
import { interleave } from "../interleave.ts";
import { startDelayProxy } from "../nfs/delay-proxy.ts";
import { type Exported, startGanesha, startLocalServer } from "../nfs/servers.ts";
import { compilePeer } from "../peers/compile.ts";
import { answers } from "../peers/http-peer.ts";
import { startVersitygw } from "../peers/versitygw.ts";
import { type Bench, boundedFigure, type Figure, type Row, ratioAtLeast } from "../row.ts";
import { makeBucket, type Presigned, presign, type S3Server } from "../s3-load.ts";

export const s3: Row = {
  name: "s3",
  what: "Objects put, got and listed over 16 connections by presigned requests; and 10,000 files by the AWS CLI's s3 sync",
  seconds: 85,
  parts: ["objects", "sync"],
  check,
  measure,
};

const SIZES = [
  { name: "4 KiB", bytes: 4 * 1024 },
  { name: "70 KiB", bytes: 70 * 1024 },
];
const OBJECTS = 500;
const CHECKED = 100;
/** An SDK or the AWS CLI opens 10 to 50. */
const CONNECTIONS = 16;
const ROUNDS = 2;
/** Milliseconds. */
const DURATION = 600;
/** A page takes as long as hundreds of objects. */
const LIST = { connections: 4, duration: 2_000 };
const WARM_UP = 1_000;
/** Milliseconds that are added to each round trip of NFS. */
const DELAY = 2;
const SYNC_FILES = 10_000;
/** Files of the loops that `s3 sync` is compared with, which are slower. */
const LOOP_FILES = 400;
const FILE_BYTES = 4 * 1024;

const BUCKET = "bench";
const ACCESS_KEY = { accessKeyId: "AKIABENCHBENCHBENCH1", secretAccessKey: "secret".repeat(7) };

const OPERATIONS = ["put", "get", "list"] as const;
type Operation = (typeof OPERATIONS)[number];

async function check(bench: Bench): Promise<Figure[]> {
  if (!bench.wants("objects")) return [];
  const { router, server } = await startOurs(bench, await startLocalServer(bench));
  const urls = await presign(server, "checked", CHECKED);
  const compoundsEach = async (name: string, limit: number, act: () => Promise<void>): Promise<Figure> => {
    const compounds = async () => (await router.targets())[0]?.compounds ?? 0;
    const before = await compounds();
    await act();
    return boundedFigure(`COMPOUNDs for ${name}`, ((await compounds()) - before) / CHECKED, limit);
  };
  const put = initOf("put", FILE_BYTES);
  // The first one makes the directories that the objects share.
  await sendEach(urls.put.slice(0, 1).values(), put);
  return [
    await compoundsEach("a PutObject", 9, () => sendEach(urls.put.values(), put)),
    await compoundsEach("a PutObject that replaces another", 9, () => sendEach(urls.put.values(), put)),
    await compoundsEach("a GetObject", 2, () => sendEach(urls.get.values())),
    await compoundsEach("each object of a list", 1.1, () => sendEach(urls.list.values())),
  ];
}

async function measure(bench: Bench): Promise<Figure[]> {
  const ganesha = await startGanesha(bench);
  const program = await compilePeer(bench, "delay-proxy.c");
  if (ganesha === undefined || program === undefined) return [];
  const near = await startOurs(bench, ganesha);
  const far = await startOurs(bench, await startDelayProxy(bench, program, ganesha, DELAY));
  return [
    ...(bench.wants("objects") ? await measureObjects(bench, near.server, far.server) : []),
    ...(bench.wants("sync") ? await measureSync(bench, far) : []),
  ];
}

interface Ours {
  readonly router: RouterProcess;
  readonly server: S3Server;
}

/** A router with its S3 API, over this NFS server alone. */
async function startOurs(bench: Bench, { host, port, path, directory }: Exported): Promise<Ours> {
  await mkdir(join(directory, BUCKET), { recursive: true });
  const service = await startFileService(bench, { mountTargets: 1, s3AccessKeys: [ACCESS_KEY] });
  const s3Port = await findCommonPort(["127.0.0.1"]);
  const router = await service.startRouter([{ host, port }], {
    ROOT_DIRECTORY: path === "" ? "/" : path,
    S3_API: "on",
    S3_PORT: String(s3Port),
    S3_ACCESS_KEYS_SECRET_ID,
  });
  const server = { url: `http://127.0.0.1:${s3Port}`, bucket: BUCKET, accessKey: ACCESS_KEY };
  if (!(await answers(server.url))) throw new Error("The S3 API of the router did not start");
  return { router, server };
}

async function measureObjects(bench: Bench, near: S3Server, far: S3Server): Promise<Figure[]> {
  const load = await httpLoad(bench);
  if (load === undefined) return [];
  const servers = {
    near,
    far,
    versitygw: await startVersitygw(bench, { bucket: BUCKET, accessKey: ACCESS_KEY }),
    moto: await startMotoBucket(bench),
  };
  const folder = await makeTemporaryDirectory("bench-s3-");
  bench.cleanups.add(() => folder.remove());
  const figures: Figure[] = [];
  for (const { name: size, bytes } of SIZES) {
    const body = join(folder.path, size);
    await writeFile(body, Buffer.alloc(bytes, "s"));
    bench.progress(`to put objects of ${size}`);
    const urls = {
      near: await prepare(near, bytes),
      far: await prepare(far, bytes),
      versitygw: servers.versitygw && (await prepare(servers.versitygw, bytes)),
      moto: servers.moto && (await prepare(servers.moto, bytes)),
    };
    for (const { put, get } of [urls.near, urls.far]) {
      await load(get, { connections: CONNECTIONS, duration: WARM_UP });
      await load(put, { connections: CONNECTIONS, duration: WARM_UP, body });
    }
    for (const operation of OPERATIONS) {
      // What a list takes does not depend on what is in the objects.
      if (operation === "list" && bytes !== FILE_BYTES) continue;
      const name = operation === "list" ? `list, ${OBJECTS} objects a page` : `${operation}, ${size}`;
      const send = (presigned: Presigned | undefined) =>
        presigned && (() => sendLoad(load, presigned, operation, body));
      const { moto } = urls;
      const samples = await interleave<Samples>(bench, name, ROUNDS, {
        near: send(urls.near),
        far: send(urls.far),
        versitygw: send(urls.versitygw),
        moto: moto && (() => perSecondByFetch(moto[operation], initOf(operation, bytes))),
      });
      figures.push(...objectFigures(name, samples, operation === "list" ? OBJECTS : 1));
    }
  }
  return figures;
}

/** moto's in requests a second. */
type Samples = Record<"near" | "far" | "versitygw", HttpSample> & Record<"moto", number>;

function sendLoad(load: SendLoad, urls: Presigned, operation: Operation, body: string): Promise<HttpSample> {
  if (operation === "list") return load(urls.list, LIST);
  const connections = CONNECTIONS;
  return load(urls[operation], { connections, duration: DURATION, ...(operation === "put" && { body }) });
}

/** @param objects in each response. */
function objectFigures(
  name: string,
  { near, far, versitygw, moto }: { readonly [Name in keyof Samples]: readonly Samples[Name][] },
  objects: number,
): Figure[] {
  const perSecond = (samples: readonly HttpSample[]) => samples.map((sample) => sample.perSecond * objects);
  const p99 = (samples: readonly HttpSample[]) => samples.map((sample) => sample.p99);
  const ours = [
    { suffix: "", samples: near },
    { suffix: `, ${DELAY} ms`, samples: far },
  ];
  return ours.flatMap(({ suffix, samples }): Figure[] => [
    {
      name: name + suffix,
      unit: "/s",
      better: "higher",
      ours: perSecond(samples),
      peer: { name: "versitygw, local disk", values: perSecond(versitygw) },
    },
    {
      name: name + suffix,
      unit: "/s",
      better: "higher",
      ours: perSecond(samples),
      peer: { name: "moto, in memory", values: moto.map((value) => value * objects) },
    },
    {
      name: `${name}${suffix}, 99th percentile`,
      unit: "ms",
      better: "lower",
      ours: p99(samples),
      peer: { name: "versitygw, local disk", values: p99(versitygw) },
    },
  ]);
}

async function startMotoBucket(bench: Bench): Promise<S3Server | undefined> {
  const command = moto.find();
  if (command === undefined) {
    bench.note(`${moto.name} is missing (${moto.howToGet}).`);
    return undefined;
  }
  const { endpoint: url, stop } = await startMoto(command);
  bench.cleanups.add(stop);
  const server = { url, bucket: BUCKET, accessKey: ACCESS_KEY };
  await makeBucket(server);
  return server;
}

/** Puts all objects, so that none is missing when they are got and listed. */
async function prepare(server: S3Server, bytes: number): Promise<Presigned> {
  const urls = await presign(server, `objects-${bytes}`, OBJECTS);
  await sendEach(urls.put.values(), initOf("put", bytes));
  return urls;
}

/** It closes each connection after a response, which h2load does not get over; and is so slow that any client will do. */
async function perSecondByFetch(urls: readonly string[], init: RequestInit): Promise<number> {
  let requests = 0;
  const end = performance.now() + DURATION;
  function* untilEnd() {
    for (; performance.now() < end; requests++) yield urls[requests % urls.length] ?? "";
  }
  await sendEach(untilEnd(), init);
  return requests / ((performance.now() - end + DURATION) / 1_000);
}

const initOf = (operation: Operation, bytes: number): RequestInit =>
  operation === "put" ? { method: "PUT", body: Buffer.alloc(bytes, "s") } : {};

async function sendEach(urls: IterableIterator<string>, init: RequestInit = {}): Promise<void> {
  const sendSome = async () => {
    for (const url of urls) await fetch(url, init).then(expectSuccess);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sendSome));
}

async function expectSuccess(response: Response): Promise<void> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} was answered with ${response.status}: ${text.slice(0, 500)}`);
}

/** Files of a directory put by the AWS CLI, and by a loop over the HTTP API: a curl for each, and one for all. */
async function measureSync(bench: Bench, { router, server }: Ours): Promise<Figure[]> {
  const [aws, curl] = [pythonProgram("aws", "awscli"), debianProgram("curl", "curl")];
  const commands = { aws: aws.find(), curl: curl.find() };
  for (const requirement of [aws, curl]) {
    if (requirement.find() === undefined) bench.note(`${requirement.name} is missing (${requirement.howToGet}).`);
  }
  if (commands.aws === undefined) return [];
  const files = await makeTemporaryFileTree(bench, { files: SYNC_FILES, bytes: FILE_BYTES });
  const env = {
    ...process.env,
    // Nothing of the user's own settings.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_ACCESS_KEY_ID: ACCESS_KEY.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ACCESS_KEY.secretAccessKey,
    AWS_ENDPOINT_URL: server.url,
    AWS_REGION: REGION,
  };
  const perSecond = async (count: number, [program, ...parameters]: readonly [string, ...string[]]) => {
    const start = performance.now();
    await promisify(execFile)(program, parameters, { env, signal: bench.signal });
    return count / ((performance.now() - start) / 1_000);
  };
  const sync = ["s3", "sync", "--quiet", files, `s3://${BUCKET}/synced`];
  const name = `s3 sync, ${DELAY} ms`;
  const names = Array.from({ length: LOOP_FILES }, (_, index) => `file-${index}`);
  const [awsProgram, ...awsLeading] = commands.aws;
  const loop = (script: string) => () =>
    perSecond(LOOP_FILES, ["sh", "-ec", script, "sh", files, `${router.url}/files/looped`, ...names]);
  const { ours, each, one } = await interleave<Record<"ours" | "each" | "one", number>>(bench, name, 1, {
    ours: () => perSecond(SYNC_FILES, [awsProgram, ...awsLeading, ...sync]),
    each: commands.curl && loop(CURL_FOR_EACH),
    one: commands.curl && loop(ONE_CURL),
  });
  const figure = { name, unit: "/s", better: "higher", ours } as const;
  return [
    { ...figure, peer: { name: "a loop, with a curl for each file", values: each }, goal: ratioAtLeast(3) },
    { ...figure, peer: { name: "one curl, over one connection", values: one } },
  ];
}

const CURL_FOR_EACH = 'tree=$1; url=$2; shift 2; for name; do curl -sSf -T "$tree/$name" "$url/$name"; done';
const ONE_CURL =
  'tree=$1; url=$2; shift 2; for name; do printf "upload-file = %s\\nurl = %s\\n" "$tree/$name" "$url/$name"; done | curl -sSf -K -';
