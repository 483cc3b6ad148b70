import { type Change, connectFiles, type RemoteFiles } from "efs-files";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MemoryHttpServer, startMemoryServer } from "../../support/memory-server.ts";

let server: MemoryHttpServer;
let files: RemoteFiles;

beforeAll(async () => {
  server = await startMemoryServer(undefined, { changeFeedRetention: 60_000 });
  files = connectFiles({ url: server.url });
});

afterAll(async () => {
  await files?.close();
  await server?.close();
});

/** The changes until one is as it should be. `connected` is called with the first place in the feed. */
async function changesUntil(
  isLast: (change: Change) => boolean,
  options: Parameters<RemoteFiles["changes"]>[0],
  connected: () => Promise<unknown>,
): Promise<Change[]> {
  const changes: Change[] = [];
  let first: Promise<unknown> | undefined;
  for await (const change of files.changes(options)) {
    if (change.kind !== "position") changes.push(change);
    first ??= connected();
    if (isLast(change)) break;
  }
  await first;
  return changes;
}

const isDeletion = ({ kind }: Change) => kind === "delete";

test("changes come as they are made, those that are asked for, whatever becomes of the connection", async () => {
  const changes = await changesUntil(isDeletion, { prefix: "/watched/" }, async () => {
    await files.writeFile("elsewhere", "x");
    await files.writeFile("watched/\udce9", "one");
    await files.appendFile("watched/\udce9", " two");
    server.app.server.closeAllConnections();
    await files.rm("watched/\udce9");
  });
  const kinds = changes.filter(({ kind }, index) => changes.findIndex((other) => other.kind === kind) === index);
  expect(kinds).toMatchObject([
    { kind: "write", path: "watched/\udce9", size: 3, superseded: false },
    { kind: "append", path: "watched/\udce9", size: 7 },
    { kind: "delete", path: "watched/\udce9" },
  ]);

  const [written] = changes;
  const later = await changesUntil(isDeletion, { after: written?.id }, async () => {});
  expect(later.at(-1)).toMatchObject({ kind: "delete", path: "watched/\udce9" });
});

test("nothing is followed where there is no feed, or when the caller aborts", async () => {
  const controller = new AbortController();
  const aborted = changesUntil(
    () => false,
    { signal: controller.signal },
    async () => controller.abort(),
  );
  await expect(aborted).rejects.toMatchObject({ code: "ABORT_ERR" });

  const other = await startMemoryServer();
  const withoutFeed = connectFiles({ url: other.url });
  await expect(withoutFeed.changes()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "ENOENT" });
  await withoutFeed.close();
  await other.close();
});

test("a directory comes as an archive, and another one is made of it", async () => {
  await files.writeFile("packed/a", "A");
  await files.writeFile("packed/b/c", "C");
  const archive: Buffer[] = await files.createArchiveStream("packed", { format: "tar.gz" }).toArray();
  const extracted = await files.extract("unpacked", Buffer.concat(archive), { format: "tar.gz" });
  expect(extracted).toMatchObject({ files: 2, bytes: 2, failures: [] });
  expect(await files.readFile("unpacked/b/c", "utf8")).toBe("C");
  await files.extract("again", files.createArchiveStream("packed"));
  expect((await files.readdir("again")).sort()).toEqual(["a", "b"]);
  await expect(files.extract("unpacked/a", Buffer.alloc(1024))).rejects.toMatchObject({ code: "ENOTDIR" });
  await expect(files.extract("bad", Buffer.from("no archive"))).rejects.toMatchObject({ code: "EINVAL" });
  await expect(files.createArchiveStream("missing").toArray()).rejects.toMatchObject({ code: "ENOENT" });
});
