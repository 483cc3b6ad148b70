/** The S3 API over NFS, beside an S3 server over the local disk and one that keeps objects in memory. */
import { compoundsOf } from "../compounds-of.ts";
import { startDelayProxy } from "../nfs/delay-proxy.ts";
import { startGanesha, startLocalServer } from "../nfs/servers.ts";
import { compilePeer } from "../peers/compile.ts";
import { type Bench, boundedFigure, type Figure, type Row } from "../row.ts";
import { measureObjects } from "../s3/objects.ts";
import { initOf, presign, sendEach } from "../s3/requests.ts";
import { startS3Router } from "../s3/router.ts";
import { measureSync } from "../s3/sync.ts";

export const s3: Row = {
  name: "s3",
  what: "Objects put, got and listed over 16 connections by presigned requests; and 2,000 files by the AWS CLI's s3 sync",
  seconds: 105,
  parts: ["objects", "sync"],
  check,
  measure,
};

const CHECKED = 100;
const CHECKED_BYTES = 4 * 1024;
/** Milliseconds that are added to each round trip of NFS. */
const DELAY = 2;

async function check(bench: Bench): Promise<Figure[]> {
  if (!bench.wants("objects")) return [];
  const { router, server } = await startS3Router(bench, await startLocalServer(bench), 0);
  const urls = await presign(server, "checked", CHECKED);
  const each = async (name: string, limit: number, act: () => Promise<void>): Promise<Figure> =>
    boundedFigure(`COMPOUNDs for ${name}`, (await compoundsOf(router, act)) / CHECKED, limit);
  const put = initOf("put", CHECKED_BYTES);
  // The first one makes the directories that the objects share.
  await sendEach(urls.put.slice(0, 1).values(), put);
  // Each of the others may make a directory that records share, with three.
  return [
    await each("a PutObject", 7, () => sendEach(urls.put.values(), put)),
    await each("a PutObject that replaces another", 7, () => sendEach(urls.put.values(), put)),
    await each("a GetObject", 2, () => sendEach(urls.get.values())),
    await each("each object of a list", 0.3, () => sendEach(urls.list.values())),
  ];
}

async function measure(bench: Bench): Promise<Figure[]> {
  const ganesha = await startGanesha(bench);
  const program = await compilePeer(bench, "delay-proxy.c");
  if (ganesha === undefined || program === undefined) return [];
  const near = await startS3Router(bench, ganesha, 0);
  const far = await startS3Router(bench, await startDelayProxy(bench, program, ganesha, DELAY), DELAY);
  return [
    ...(bench.wants("objects") ? await measureObjects(bench, near, far) : []),
    ...(bench.wants("sync") ? await measureSync(bench, far) : []),
  ];
}
