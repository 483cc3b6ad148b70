import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { Stock } from "../../../../../local/demo/scenario/stock.ts";
import { newWorkload } from "../../../../../local/demo/workload.ts";

test("whatever the numbers asked for are, one after the other, there are as many files, and all as in the source", async () => {
  const source = await mkdtemp(join(tmpdir(), "stock-"));
  onTestFinished(() => rm(source, { recursive: true }));
  const files = Array.from({ length: 30 }, (_, index) => ({ path: `${index}`, bytes: 10 + index }));
  for (const { path, bytes } of files) await writeFile(join(source, path), path.padEnd(bytes));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(files.length), { maxLength: 10 }), async (counts) => {
      const stored = new Map<string, string>();
      const client = {
        get: async (path: string) => Buffer.from(stored.get(path) ?? ""),
        put: async (path: string, body: Buffer) => void stored.set(path, body.toString()),
        delete: async (path: string) => void stored.delete(path),
        close: () => {},
      };
      const work = newWorkload(client, new AbortController().signal);
      const stock = new Stock(work, source, files);
      for (const count of counts) {
        await stock.become(count);
        expect(stock.count).toBe(count);
        expect(stock.files).toEqual(files.slice(0, count));
        expect(stored).toEqual(new Map(stock.files.map(({ path, bytes }) => [path, path.padEnd(bytes)])));
      }
    }),
  );
});
