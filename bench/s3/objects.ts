/** Objects put, got and listed, by requests that are signed before. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { type HttpSample, httpLoad, type SendLoad } from "../http-load.ts";
import { interleave } from "../interleave.ts";
import { startMotoBucket } from "../peers/moto.ts";
import { startVersitygw } from "../peers/versitygw.ts";
import type { Bench, Figure } from "../row.ts";
import {
  CONNECTIONS,
  initOf,
  OPERATIONS,
  type Operation,
  type Presigned,
  presign,
  type S3Server,
  sendEach,
} from "./requests.ts";
import type { S3Router } from "./router.ts";

const SIZES = [
  { name: "4 KiB", bytes: 4 * 1024 },
  { name: "70 KiB", bytes: 70 * 1024 },
];
const OBJECTS = 500;
const ROUNDS = 2;
/** Milliseconds. */
const DURATION = 600;
/** A page takes as long as hundreds of objects. */
const LIST = { connections: 4, duration: 1_000 };
const WARM_UP = 1_000;

export async function measureObjects(bench: Bench, near: S3Router, far: S3Router): Promise<Figure[]> {
  const load = await httpLoad(bench);
  if (load === undefined) return [];
  const peers = {
    versitygw: await startVersitygw(bench, near.server),
    moto: await startMotoBucket(bench, near.server),
  };
  const folder = await makeTemporaryDirectory("bench-s3-");
  bench.cleanups.add(() => folder.remove());
  const figures: Figure[] = [];
  for (const [index, { name: size, bytes }] of SIZES.entries()) {
    const body = join(folder.path, size);
    await writeFile(body, Buffer.alloc(bytes, "s"));
    bench.progress(`to put objects of ${size}`);
    const urls = {
      near: await prepare(near.server, bytes),
      far: await prepare(far.server, bytes),
      versitygw: peers.versitygw && (await prepare(peers.versitygw, bytes)),
      moto: peers.moto && (await prepare(peers.moto, bytes)),
    };
    for (const { put, get } of [urls.near, urls.far]) {
      await load(get, { connections: CONNECTIONS, duration: WARM_UP });
      await load(put, { connections: CONNECTIONS, duration: WARM_UP, body });
    }
    for (const operation of OPERATIONS) {
      // What a list takes does not depend on what is in the objects.
      if (operation === "list" && index > 0) continue;
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
      figures.push(...figuresOf(name, samples, far.delay, operation === "list" ? OBJECTS : 1));
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

/**
 * @param delay of `far`, in milliseconds.
 * @param objects in each response.
 */
function figuresOf(
  name: string,
  { near, far, versitygw, moto }: { readonly [Name in keyof Samples]: readonly Samples[Name][] },
  delay: number,
  objects: number,
): Figure[] {
  const perSecond = (samples: readonly HttpSample[]) => samples.map((sample) => sample.perSecond * objects);
  const p99 = (samples: readonly HttpSample[]) => samples.map((sample) => sample.p99);
  const ours = [
    { suffix: "", samples: near },
    { suffix: `, ${delay} ms`, samples: far },
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
