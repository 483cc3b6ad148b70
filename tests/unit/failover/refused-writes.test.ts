import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { RegionRole } from "@efs-mount-autoscaling/mount-table";
import { afterEach, expect, test } from "vitest";
import { RefusalCount, readRefusedWrites } from "../../../failover/refused-writes.ts";
import type { Glimpse, World } from "../../../failover/run.ts";
import { primaryRole } from "../../support/region.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

test("is what all routers together have refused, for whatever reason, and the stream is not held open", async () => {
  let closed = false;
  const url = await serve(({ url: path, headers }, response) => {
    response.on("close", () => {
      closed = true;
    });
    expect([path, headers.authorization]).toEqual(["/status/events", "Bearer secret"]);
    const status = JSON.stringify({ time: 1, ownRegion: { refusedWrites: { frozen: 40, standby: 2 } } });
    response.write("retry: 1000\n\nevent: history\ndata: []\n\n");
    // In two pieces, as a network may do it.
    response.write(`event: status\ndata: ${status.slice(0, 20)}`);
    setTimeout(() => response.write(`${status.slice(20)}\n\n`), 20);
  });
  expect(await readRefusedWrites(url, "secret")).toBe(42);
  await expect.poll(() => closed).toBe(true);
});

test.each([
  ["a token is wanted", 401, "", "the routers want the API's token, in API_TOKEN"],
  ["there is none", 404, "", "the routers answer with status 404"],
  ["it ends early", 200, "event: status\ndata: {", "the routers' status ended early"],
])("is not known where %s", async (_case, status, body, message) => {
  const url = await serve((_request, response) => response.writeHead(status).end(body));
  await expect(readRefusedWrites(url, undefined)).rejects.toThrow(message);
});

const freeze = { kind: "write-role", side: "standby", role: primaryRole({ role: "frozen" }) } as const;

function worldOf(acted: string[]): World {
  return {
    look: () => Promise.reject(new Error("Nobody looks here")),
    act: async ({ kind }) => {
      acted.push(kind);
    },
  };
}

test("counts from the freeze on, in the region that is frozen", async () => {
  const acted: string[] = [];
  const counts = { home: 1_000, standby: 7 };
  const refusals = new RefusalCount(async (side) => counts[side]);
  const world = refusals.watch(worldOf(acted));
  await world.act({ kind: "unfence", side: "home" });
  expect(await refusals.refused()).toBeUndefined();
  await world.act(freeze);
  counts.standby = 19;
  expect(await refusals.refused()).toEqual({ count: 12 });
  // All its routers were replaced.
  counts.standby = 0;
  expect(await refusals.refused()).toEqual({ count: 0 });
  expect(acted).toEqual(["unfence", "write-role"]);
});

test("writes are frozen although nobody can count them", async () => {
  const acted: string[] = [];
  const refusals = new RefusalCount(() => Promise.reject(new Error("no way there")));
  await refusals.watch(worldOf(acted)).act(freeze);
  expect(acted).toEqual(["write-role"]);
  expect(await refusals.refused()).toEqual({ unknownBecause: "no way there" });
});

function glimpseOf(role: RegionRole): Glimpse {
  return {
    ...{ name: role.region, reachable: true, routersAnswer: true, role, roleModifiedAt: 0, roleAge: 0 },
    ...{ fileSystem: "writable", fenced: false, replication: undefined },
  };
}

test("a run that goes on after another one froze writes counts from that freeze", async () => {
  let role = primaryRole();
  const world: World = {
    look: async () => glimpseOf(role),
    act: async (action) => {
      if (action.kind === "write-role") role = action.role;
    },
  };
  await new RefusalCount(async () => 7).watch(world).act(freeze);
  const later = new RefusalCount(async () => 42);
  await later.watch(world).look("standby");
  expect(await later.refused()).toEqual({ count: 35 });
});

test("a run that goes on says so where nobody counted before the freeze", async () => {
  const role = primaryRole({ role: "frozen" });
  const later = new RefusalCount(async () => 42);
  await later.watch({ ...worldOf([]), look: async () => glimpseOf(role) }).look("standby");
  expect(await later.refused()).toEqual({ unknownBecause: "the run that froze them could not count them" });
});
