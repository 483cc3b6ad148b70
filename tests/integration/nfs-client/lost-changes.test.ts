/** What can be found out, and done, about the changes of a client that lost its connection. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dialect, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { connectNfs, OutcomeUnknownError } from "nfs-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Fault, FaultProxy } from "../../support/fault-proxy.ts";

let directory: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lost-changes-"));
});

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
  await rm(directory, { recursive: true, force: true });
});

/** Two mount targets of one file system; the first one is behind a proxy. */
async function startTargets(dialect: Partial<Dialect> = {}) {
  const servers = await Promise.all([0, 1].map(() => startNfsServer({ directory, durable: false, dialect })));
  const [server, otherServer] = servers;
  if (server === undefined || otherServer === undefined) throw new Error("There must be two");
  cleanups.push(() => Promise.all(servers.map((each) => each.close())));
  const proxy = await FaultProxy.start(server);
  cleanups.push(() => proxy.stop());
  const lost = await connectNfs({ host: proxy.host, port: proxy.port });
  const other = await connectNfs({ host: otherServer.host, port: otherServer.port });
  cleanups.push(() => Promise.all([lost.close(), other.close()]));
  return { proxy, lost, other };
}

describe("fencing says whether it works", () => {
  test.each([
    ["file-system", true],
    ["mount-target", false],
    ["connection", false],
  ] as const)("where client records are of each %s: %s", async (clientRecords, works) => {
    const { lost, other } = await startTargets({ clientRecords });
    expect(lost.serverOwner === other.serverOwner).toBe(works);
    expect(await other.fence(lost)).toBe(works);
  });

  test("not where a client had sessions behind several records", async () => {
    const { lost, other, proxy } = await startTargets({ clientRecords: "connection" });
    proxy.faults = oneAfterTheOther(["cut before request"]);
    await lost.writeFile("/file", Buffer.from("one"));
    expect(lost.serverOwner).toBeUndefined();
    expect(await other.fence(lost)).toBe(false);
  });
});

/** The faults of the next requests; the last one is that of all further ones. */
function oneAfterTheOther(faults: readonly (Fault | undefined)[], further?: Fault): () => Fault | undefined {
  const left = [...faults];
  return () => (left.length > 0 ? left.shift() : further);
}

describe.each([{}, { maximumOperations: 8 }])("a write that is resolvable, in a dialect of %o", (dialect) => {
  test.each([
    ["cut before request", false],
    ["cut before reply", true],
  ] as const)("whose second request is %s: published is %s", async (fault, published) => {
    const { proxy, lost, other } = await startTargets(dialect);
    await other.writeFile("/dir/file", Buffer.from("old"));
    await lost.stat("/dir/file");
    proxy.faults = oneAfterTheOther([undefined, fault], "cut before request");
    const writing = lost.writeFile("/dir/file", Buffer.from("new"), { resolvable: true, onConnectionLoss: "fail" });
    const error: unknown = await writing.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof OutcomeUnknownError) || error.staged === undefined) throw error;

    const removing = other.remove(error.staged.path);
    if (published) await expect(removing).rejects.toThrow("NFS4ERR_NOENT");
    else await removing;
    expect((await other.readFile("/dir/file")).data.toString()).toBe(published ? "new" : "old");
    expect((await other.stat("/dir/file")).fileId === error.staged.fileId).toBe(published);
    expect(await readdir(join(directory, "dir"))).toEqual(["file"]);
  });
});

test.each([true, false])("only a write that is resolvable says what it has left staged: %s", async (resolvable) => {
  const { proxy, lost } = await startTargets();
  await lost.stat("/");
  // It opens, writes and closes, and then gives the file its name.
  proxy.faults = oneAfterTheOther([undefined, undefined, "cut before request"]);
  const options = { when: "absent", resolvable, onConnectionLoss: "fail" } as const;
  const error: unknown = await lost.writeFile("/file", Buffer.from("new"), options).catch((reason) => reason);
  if (!(error instanceof OutcomeUnknownError)) throw error;
  expect(error.staged !== undefined).toBe(resolvable);
  expect(await readdir(directory)).toHaveLength(resolvable ? 1 : 0);
});

describe("a removal of what is not there, whose request is lost,", () => {
  test.each([
    ["taken for done", false],
    ["of unknown outcome where it must be known who did it", true],
  ])("is %s", async (_, once) => {
    const { proxy, lost } = await startTargets();
    await lost.stat("/");
    proxy.faults = oneAfterTheOther(["cut before request"]);
    const removing = lost.remove("/file", { once, onConnectionLoss: "fail" });
    if (once) await expect(removing).rejects.toThrow(OutcomeUnknownError);
    else await removing;
  });
});

test("a removal that was sent, and has no reply when its time is over, is of unknown outcome", async () => {
  const { proxy, lost, other } = await startTargets();
  await other.writeFile("/file", Buffer.from("old"));
  await lost.stat("/");
  proxy.faults = () => "half-open";
  await expect(lost.remove("/file", { timeout: 300 })).rejects.toThrow(OutcomeUnknownError);
});
