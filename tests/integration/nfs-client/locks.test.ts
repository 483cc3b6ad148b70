import { connectNfs, DeadlineError, type NfsClient } from "nfs-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Fault, FaultProxy } from "../../support/fault-proxy.ts";
import { describeEachServer, type TestServer } from "../../support/nfs-servers.ts";

/** Milliseconds: far less than a lease. */
const SOON = 3_000;

describeEachServer("a lock whose taker has gone before the server's answer", (start) => {
  let server: TestServer;
  let proxy: FaultProxy;
  let one: NfsClient;
  let other: NfsClient;

  beforeEach(async () => {
    server = await start();
    proxy = await FaultProxy.start(server);
    one = await connectNfs({ host: proxy.host, port: proxy.port, silenceLimit: 300 });
    other = await connectNfs({ host: server.host, port: server.port });
  });

  afterEach(async () => {
    await Promise.all([one?.close(), other?.close()]);
    await proxy?.stop();
    await server?.stop();
  });

  /** Appends through a network that does this to the first request of it, and to nothing else. */
  async function appendInVain(path: string, fault: Fault, timeout: number): Promise<void> {
    let requests = 0;
    proxy.faults = () => (++requests === 1 ? fault : undefined);
    await expect(one.appendFile(path, Buffer.from("one\n"), { timeout })).rejects.toBeInstanceOf(DeadlineError);
  }

  test("is given back when the answer comes late", async () => {
    const path = `${server.root}/late`;
    await one.writeFile(path, Buffer.from(""));
    await appendInVain(path, "stall reply", 15);
    await other.appendFile(path, Buffer.from("other\n"), { timeout: SOON });
    await one.appendFile(path, Buffer.from("one\n"), { timeout: SOON });
    expect((await other.readFile(path)).data.toString()).toBe("other\none\n");
  });

  test("is given back over the next connection when this one is lost", async () => {
    const path = `${server.root}/lost`;
    await one.writeFile(path, Buffer.from(""));
    await appendInVain(path, "half-open", 200);
    await one.stat(path);
    await other.appendFile(path, Buffer.from("other\n"), { timeout: SOON });
    await one.appendFile(path, Buffer.from("one\n"), { timeout: SOON });
    expect((await other.readFile(path)).data.toString()).toBe("other\none\n");
  });

  test("is given back when the client is closed before the answer", async () => {
    const path = `${server.root}/closed`;
    await one.writeFile(path, Buffer.from(""));
    await appendInVain(path, "stall reply", 15);
    await one.close();
    await other.appendFile(path, Buffer.from("other\n"), { timeout: SOON });
    expect((await other.readFile(path)).data.toString()).toBe("other\n");
  });
});
