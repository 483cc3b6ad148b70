/** Access keys that are users of the file system: it decides what each may do. */
import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { connectNfs, type NfsClient } from "nfs-client";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { AccessKey } from "../../../fargate-app/src/s3/access-keys.ts";
import type { Objects } from "../../../fargate-app/src/s3/objects/objects.ts";
import { sweepS3 } from "../../../fargate-app/src/s3/sweep.ts";
import { GaneshaServer, ganesha } from "../../support/ganesha.ts";
import { memoryLog } from "../../support/memory-router.ts";
import { OWNER, s3ClientOf, startS3ServerOver } from "../../support/memory-s3-server.ts";
import { describeRequiring } from "../../support/requirements.ts";
import { tableOf } from "../../support/router-bundle.ts";

const ROUTER = { uid: 1_000, gid: 1_000 };
const ALICE = { uid: 2_001, gid: 3_001 };
const BOB = { uid: 2_002, gid: 3_002 };

const Bucket = "bucket";
const Key = "alice/report";

const denied = { name: "AccessDenied", $metadata: { httpStatusCode: 403 } };

function keyOf(name: string, user: AccessKey["user"]): AccessKey {
  return { accessKeyId: `AKIA${name.padEnd(16, "0")}`, secretAccessKey: name.padEnd(40, "x"), readOnly: false, user };
}

describeRequiring([ganesha], "access keys of users (nfs-ganesha)", ([command]) => {
  let directory: string;
  let root: string;
  let nfs: NfsClient;
  let objects: Objects;
  let clients: Record<"router" | "alice" | "bob", S3Client>;

  beforeEach(async () => {
    const server = await GaneshaServer.start(command);
    onTestFinished(() => server.stop());
    ({ directory, root } = server);
    nfs = await connectNfs({ host: server.host, port: server.port });
    onTestFinished(() => nfs.close());
    await makeDirectory("", ROUTER, 0o755);
    await makeDirectory(Bucket, ROUTER, 0o755);
    await makeDirectory(`${Bucket}/alice`, ALICE, 0o755);
    const { log } = memoryLog();
    const router = await RoutedFiles.start(tableOf([server]), {
      connect: (options) => connectNfs({ ...options, ...ROUTER }),
      connectTimeout: 1_000,
      operationTimeout: 10_000,
      detectionTimeout: 5_000,
      drainTimeout: 1_000,
      rootDirectory: server.root,
      log,
    });
    onTestFinished(() => router.close());
    const keys = [OWNER, keyOf("ALICE", ALICE), keyOf("BOB", BOB)] as const;
    const { url, objects: ofRouter } = await startS3ServerOver(router, log, keys);
    objects = ofRouter;
    const [owner, alice, bob] = keys;
    const clientOf = (key: AccessKey) => s3ClientOf(url, key, { maxAttempts: 1 });
    clients = { router: clientOf(owner), alice: clientOf(alice), bob: clientOf(bob) };
  });

  async function makeDirectory(path: string, { uid, gid }: { uid: number; gid: number }, mode: number) {
    await mkdir(join(directory, path), { recursive: true });
    await chown(join(directory, path), uid, gid);
    await chmod(join(directory, path), mode);
  }

  /** As another NFS client does: the server remembers what it has seen of permissions. */
  const changeMode = (key: string, mode: number) => nfs.setAttributes(`${root}/${Bucket}/${key}`, { mode });

  const ownerOf = async (path: string) => {
    const { uid, gid } = await stat(join(directory, path));
    return { uid, gid };
  };

  async function put(client: S3Client, key = Key, content = "content"): Promise<void> {
    const said = { ContentType: "text/x-report", Metadata: { by: "alice" } };
    await client.send(new PutObjectCommand({ Bucket, Key: key, Body: content, ...said }));
  }

  const contentOf = async (client: S3Client, key = Key) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: key }));
    return Body?.transformToString();
  };

  async function upload(
    client: S3Client,
  ): Promise<{ UploadId: string | undefined; Parts: { ETag: string | undefined; PartNumber: number }[] }> {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const part = { Bucket, Key, UploadId, PartNumber: 1, Body: "in parts" };
    const { ETag } = await client.send(new UploadPartCommand(part));
    return { UploadId, Parts: [{ ETag, PartNumber: 1 }] };
  }

  test("an object is its user's, with its directories; what only S3 knows of it is the router's", async () => {
    await put(clients.alice, "alice/2026/report");
    expect(await ownerOf(`${Bucket}/alice/2026/report`)).toEqual(ALICE);
    expect(await ownerOf(`${Bucket}/alice/2026`)).toEqual(ALICE);
    expect(await ownerOf(".nfs-tmp-s3/records")).toEqual(ROUTER);
    const head = await clients.alice.send(new HeadObjectCommand({ Bucket, Key: "alice/2026/report" }));
    expect(head).toMatchObject({ ContentType: "text/x-report", Metadata: { by: "alice" } });
    // Others may read it, and so may their keys.
    expect(await contentOf(clients.bob, "alice/2026/report")).toBe("content");
    await clients.alice.send(new DeleteObjectCommand({ Bucket, Key: "alice/2026/report" }));
    // The directory that only it was in goes with it; the one that Alice may not remove stays.
    expect(await readdir(join(directory, Bucket, "alice"))).toEqual([]);
  });

  test("what a user may not change stays as it is, whatever the user tries", async () => {
    await put(clients.alice);
    const { bob } = clients;
    const CopySource = `${Bucket}/${Key}`;
    const { UploadId, Parts } = await upload(bob);
    for (const attempt of [
      () => put(bob),
      () => put(bob, "alice/other"),
      () => put(bob, "alice/directory/", ""),
      () => put(bob, "others/new"),
      () => bob.send(new CopyObjectCommand({ Bucket, Key: "alice/copy", CopySource })),
      () =>
        bob.send(
          new CopyObjectCommand({ Bucket, Key, CopySource, MetadataDirective: "REPLACE", Metadata: { by: "bob" } }),
        ),
      () => bob.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } })),
      () => bob.send(new DeleteObjectCommand({ Bucket, Key })),
    ]) {
      await expect(attempt()).rejects.toMatchObject(denied);
    }
    const { Errors } = await bob.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
    expect(Errors).toMatchObject([{ Key, Code: "AccessDenied" }]);
    expect(await readdir(join(directory, Bucket, "alice"))).toEqual(["report"]);
    expect(await readFile(join(directory, Bucket, Key), "utf8")).toBe("content");
    const { Metadata } = await clients.alice.send(new HeadObjectCommand({ Bucket, Key }));
    expect(Metadata).toEqual({ by: "alice" });
  });

  test("of what a user may not read, nothing is told but that it is there", async () => {
    await put(clients.alice);
    await changeMode(Key, 0o600);
    const { bob } = clients;
    const ObjectAttributes = ["ETag" as const];
    for (const attempt of [
      () => contentOf(bob),
      () => bob.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes })),
      () => bob.send(new CopyObjectCommand({ Bucket, Key: "bob", CopySource: `${Bucket}/${Key}` })),
    ]) {
      await expect(attempt()).rejects.toMatchObject(denied);
    }
    // A response to HEAD has no document that would say more.
    const head = bob.send(new HeadObjectCommand({ Bucket, Key }));
    await expect(head).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    expect(await contentOf(clients.alice)).toBe("content");
    await changeMode("alice", 0o700);
    const list = (Prefix: string, Delimiter?: string) =>
      bob.send(new ListObjectsV2Command({ Bucket, Prefix, ...(Delimiter && { Delimiter }) }));
    await expect(list("alice/")).rejects.toMatchObject(denied);
    await expect(list("")).rejects.toMatchObject(denied);
    expect((await list("", "/")).CommonPrefixes).toEqual([{ Prefix: "alice/" }]);
  });

  test("an upload is its own user's, and so is the object that it becomes; the router's key sees all of them", async () => {
    const { alice, bob, router } = clients;
    const { UploadId, Parts } = await upload(alice);
    const listed = async (client: S3Client) =>
      (await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.map((each) => each.UploadId);
    expect([await listed(alice), await listed(bob), await listed(router)]).toEqual([[UploadId], undefined, [UploadId]]);
    const complete = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
    const noSuchUpload = { name: "NoSuchUpload" };
    await expect(bob.send(complete)).rejects.toMatchObject(noSuchUpload);
    await expect(bob.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))).rejects.toMatchObject(
      noSuchUpload,
    );
    const part = { Bucket, Key, UploadId, PartNumber: 1, Body: "bob's" };
    await expect(bob.send(new UploadPartCommand(part))).rejects.toMatchObject(noSuchUpload);
    await alice.send(complete);
    expect(await ownerOf(`${Bucket}/${Key}`)).toEqual(ALICE);
    expect(await contentOf(bob)).toBe("in parts");
  });

  test("an object that another NFS client has made is as its permissions say", async () => {
    await writeFile(join(directory, Bucket, "alice/by-hand"), "by hand");
    await chown(join(directory, Bucket, "alice/by-hand"), ALICE.uid, ALICE.gid);
    await chmod(join(directory, Bucket, "alice/by-hand"), 0o600);
    expect(await contentOf(clients.alice, "alice/by-hand")).toBe("by hand");
    await expect(contentOf(clients.bob, "alice/by-hand")).rejects.toMatchObject(denied);
    // The router is not root.
    await expect(contentOf(clients.router, "alice/by-hand")).rejects.toMatchObject(denied);
  });

  test("a directory that the router may not enter is its user's all the same", async () => {
    const { alice } = clients;
    await writeFile(join(directory, Bucket, "alice/by-hand"), "by hand");
    await chown(join(directory, Bucket, "alice/by-hand"), ALICE.uid, ALICE.gid);
    await changeMode("alice", 0o700);
    await put(alice);
    expect([await contentOf(alice), await contentOf(alice, "alice/by-hand")]).toEqual(["content", "by hand"]);
    const head = await alice.send(new HeadObjectCommand({ Bucket, Key: "alice/by-hand" }));
    expect(head.ContentLength).toBe(7);
    const { Contents } = await alice.send(new ListObjectsV2Command({ Bucket, Prefix: "alice/" }));
    expect(Contents?.map((each) => each.Key)).toEqual(["alice/by-hand", Key]);
    await expect(contentOf(clients.router)).rejects.toMatchObject(denied);
  });

  test("what the router may not look at, its sweep leaves alone, and goes on", async () => {
    await put(clients.alice);
    await changeMode("alice", 0o700);
    await put(clients.router, "gone");
    await nfs.remove(`${root}/${Bucket}/gone`);
    const report = await sweepS3(objects, { uploadAge: 0, recordAge: -60_000, signal: new AbortController().signal });
    expect(report).toEqual({ uploads: 0, records: 1 });
    const { Metadata } = await clients.alice.send(new HeadObjectCommand({ Bucket, Key }));
    expect(Metadata).toEqual({ by: "alice" });
  });
});
