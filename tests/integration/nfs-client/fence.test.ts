import { connectNfs, type NfsClient } from "nfs-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FaultProxy } from "../../support/fault-proxy.ts";
import { describeEachServer, type TestServer } from "../../support/nfs-servers.ts";

describeEachServer("a client that was fenced", (start) => {
  let server: TestServer;
  let proxy: FaultProxy;
  let lost: NfsClient;
  let other: NfsClient;
  const path = (name: string) => `${server.root}/${name}`;

  beforeEach(async () => {
    server = await start();
    proxy = await FaultProxy.start(server);
    lost = await connectNfs({ host: proxy.host, port: proxy.port });
    other = await connectNfs({ host: server.host, port: server.port });
  });

  afterEach(async () => {
    await Promise.all([lost?.close(), other?.close()]);
    await proxy?.stop();
    await server?.stop();
  });

  test("holds no lock any more", async () => {
    // It has the lock, and is cut off from then on.
    let requests = 0;
    proxy.faults = () => (++requests === 1 ? undefined : "cut before request");
    const appending = lost.appendFile(path("log"), Buffer.from("lost\n"), { timeout: 1_000 });
    await expect(appending).rejects.toThrow();
    await expect(other.appendFile(path("log"), Buffer.from("other\n"), { timeout: 1_000 })).rejects.toThrow();
    await other.fence(lost);
    await other.appendFile(path("log"), Buffer.from("other\n"), { timeout: 5_000 });
  });

  test("is another one from then on, if it goes on all the same", async () => {
    await lost.writeFile(path("file"), Buffer.from("one"));
    await other.fence(lost);
    await lost.writeFile(path("file"), Buffer.from("two"));
    expect((await other.readFile(path("file"))).data.toString()).toBe("two");
  });

  test("need not be known", async () => {
    await other.fence({ name: "nobody", serverOwner: other.serverOwner });
    await other.ping();
  });
});
