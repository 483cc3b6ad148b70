/** One client that speaks for several users: the server sees who asks for what. */
import { chmod, chown, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectNfs, type Identity, type NfsClient } from "nfs-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GaneshaServer, ganesha } from "../../support/ganesha.ts";
import { describeRequiring } from "../../support/requirements.ts";

const ALICE: Identity = { uid: 2_001, gid: 3_001 };
const BOB: Identity = { uid: 2_002, gid: 3_002 };
/** In a group of Alice's. */
const CAROL: Identity = { uid: 2_003, gid: 3_003, gids: [3_001] };

const denied = { status: "NFS4ERR_ACCESS" };

describeRequiring([ganesha], "identities (nfs-ganesha)", ([command]) => {
  let server: GaneshaServer;
  let client: NfsClient;
  const at = (path: string) => `${server.root}/${path}`;
  const local = (path: string) => join(server.directory, path);

  beforeAll(async () => {
    server = await GaneshaServer.start(command);
    client = await connectNfs({ host: server.host, port: server.port });
    await mkdir(local("alice"));
    await chown(local("alice"), ALICE.uid, ALICE.gid);
    await chmod(local("alice"), 0o750);
    await mkdir(local("shared"));
    await chmod(local("shared"), 0o1777);
  });

  afterAll(async () => {
    await client?.close();
    await server?.stop();
  });

  test.each([
    ["in one request", Buffer.from("small")],
    ["in many", Buffer.alloc(3_000_000, "large")],
  ])("what a user writes %s is that user's", async (_how, content) => {
    const alice = client.as(ALICE);
    await alice.writeFile(at("alice/directory/file"), content);
    await alice.appendFile(at("alice/directory/file"), Buffer.from("end"));
    const { uid, gid } = await stat(local("alice/directory/file"));
    expect({ uid, gid }).toEqual(ALICE);
    expect((await stat(local("alice/directory"))).uid).toBe(ALICE.uid);
    const expected = Buffer.concat([content, Buffer.from("end")]);
    expect((await readFile(local("alice/directory/file"))).equals(expected)).toBe(true);
    expect((await alice.readFile(at("alice/directory/file"))).data.equals(expected)).toBe(true);
    expect((await client.as(CAROL).readFile(at("alice/directory/file"))).data.equals(expected)).toBe(true);
    await expect(client.as(CAROL).writeFile(at("alice/other"), content)).rejects.toMatchObject(denied);
    await expect(client.as(BOB).readFile(at("alice/directory/file"))).rejects.toMatchObject(denied);
  });

  test("a user who may not write leaves nothing behind", async () => {
    await client.as(ALICE).writeFile(at("alice/kept"), Buffer.from("kept"));
    const bob = client.as(BOB);
    for (const attempt of [
      () => bob.writeFile(at("alice/kept"), Buffer.from("bob's")),
      () => bob.writeFile(at("alice/kept"), Buffer.alloc(3_000_000)),
      () => bob.appendFile(at("alice/kept"), Buffer.from("bob's")),
      () => bob.remove(at("alice/kept")),
      () => bob.makeDirectory(at("alice/bob")),
    ]) {
      await expect(attempt()).rejects.toMatchObject(denied);
    }
    expect(await readFile(local("alice/kept"), "utf8")).toBe("kept");
  });

  test("many small operations of several users at once are each done as its own user's", async () => {
    await writeFile(local("alice/secret"), "secret");
    const users = [ALICE, BOB, CAROL];
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const user = users[index % users.length] ?? ALICE;
        const together = { together: true };
        const own = client.as(user);
        await own.writeFile(at(`shared/${index}`), Buffer.from("content"), together);
        const read = await own.readFile(at("alice/secret"), together).then(
          () => "read",
          () => "denied",
        );
        return { uid: (await stat(local(`shared/${index}`))).uid, read, user };
      }),
    );
    for (const { uid, read, user } of outcomes) {
      expect({ uid, read }).toEqual({ uid: user.uid, read: user === BOB ? "denied" : "read" });
    }
  });

  test("the files that users have open at the same time are each opened as its own user's, also after a restart of the server", async () => {
    async function* slowly() {
      yield Buffer.alloc(1_500_000, "a");
      await server.kill();
      await server.restart();
      yield Buffer.alloc(1_500_000, "b");
    }
    const [alice, bob] = [client.as(ALICE), client.as(BOB)];
    await Promise.all([
      alice.writeFile(at("shared/alices"), slowly()),
      bob.writeFile(at("shared/bobs"), Buffer.alloc(3_000_000, "c")),
    ]);
    expect((await stat(local("shared/alices"))).uid).toBe(ALICE.uid);
    expect((await stat(local("shared/bobs"))).uid).toBe(BOB.uid);
  });

  test("is one client to the server: what fences it fences all of them", async () => {
    const other = await connectNfs({ host: server.host, port: server.port });
    const { compounds } = client.statistics();
    await client.as(ALICE).stat(at("alice"));
    expect(client.statistics().compounds).toBe(compounds + 1);
    expect(client.as(ALICE).name).toBe(client.name);
    expect(await other.fence(client.as(ALICE))).toBe(true);
    // It has a new session for whoever asks next.
    await client.as(ALICE).stat(at("alice"));
    await other.close();
  });
});
