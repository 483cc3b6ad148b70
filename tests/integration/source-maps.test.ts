/** What operators read of an error in the bundle that ships. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";

test("a trace names the sources of this project, as the image runs the router", async () => {
  const options = { env: { NODE_OPTIONS: "--enable-source-maps", PORT: "none" } };
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, ["dist/router/main.cjs"], options, (_error, stdout) => resolve(stdout));
  });
  const { err } = z.object({ err: z.object({ stack: z.string() }) }).parse(JSON.parse(output));
  expect(err.stack).toMatch(/at readSettings \(.*\/fargate-app\/src\/settings\.ts:\d+:\d+\)/);
});

test("packages of npm are in no source map: an image has to carry them", async () => {
  for (const bundle of ["router/main.cjs", "file-monitor/index.cjs"]) {
    const map = z
      .object({ sources: z.array(z.string()) })
      .parse(JSON.parse(await readFile(`dist/${bundle}.map`, "utf8")));
    expect(map.sources.filter((source) => source.includes("node_modules"))).toEqual([]);
    expect(map.sources.length).toBeGreaterThan(20);
  }
});
