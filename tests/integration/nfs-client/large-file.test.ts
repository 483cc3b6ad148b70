import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { describeEachServer } from "../../support/nfs-servers.ts";

const GIBIBYTE = 1024 ** 3;
const MEGABYTE = 1_000_000;

describeEachServer("a file larger than memory should be", (start) => {
  test("1 GiB is written and read back equal, with the process under 500 MB", { timeout: 600_000 }, async () => {
    const server = await start();
    try {
      const script = join(import.meta.dirname, "../../support/large-file.ts");
      const args = [server.host, String(server.port), `${server.root}/large`, String(GIBIBYTE)];
      const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script, ...args]);
      const { equal, maximumMemory } = JSON.parse(stdout);
      console.log(`1 GiB written and read: ${Math.round(maximumMemory / MEGABYTE)} MB of memory at most`);
      expect(equal).toBe(true);
      expect(maximumMemory).toBeLessThan(500 * MEGABYTE);
      expect((await stat(join(server.directory, "large"))).size).toBe(GIBIBYTE);
    } finally {
      await server.stop();
    }
  });
});
