import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectNfs } from "nfs-client";
import { expect, test } from "vitest";
import { GaneshaServer, ganesha } from "../../support/ganesha.ts";
import { describeRequiring } from "../../support/requirements.ts";

describeRequiring([ganesha], "a large directory (nfs-ganesha)", ([command]) => {
  test("of 100,000 files is listed, each of them once", { timeout: 600_000 }, async () => {
    const server = await GaneshaServer.start(command);
    const client = await connectNfs({ host: server.host, port: server.port });
    try {
      const folder = join(server.directory, "many");
      await mkdir(folder);
      const expected = Array.from({ length: 100_000 }, (_, index) => `file-${index}`);
      for (let at = 0; at < expected.length; at += 1000) {
        await Promise.all(expected.slice(at, at + 1000).map((name) => writeFile(join(folder, name), "")));
      }
      const names: string[] = [];
      for await (const { name } of client.readDirectory(`${server.root}/many`)) names.push(name);
      expect(names.length).toBe(expected.length);
      expect(new Set(names)).toEqual(new Set(expected));
    } finally {
      await client.close();
      await server.stop();
    }
  });
});
