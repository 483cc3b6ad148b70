import { afterEach, expect, test, vi } from "vitest";
import { runCommandLine } from "../../../packages/nfs-client/src/cli/index.ts";
import { MemoryServer } from "../../support/memory-nfs.ts";

afterEach(() => vi.restoreAllMocks());

test.each([
  "ls /",
  "cat /file",
  `put /new ${import.meta.filename}`,
  `append /file ${import.meta.filename}`,
  "stat /file",
  "rm /file",
  "rm -R /directory",
  "mkdir /new",
  "mkdir -p /new/inner",
  "mv /file /new",
  "chown 1 /file",
  "chmod 600 /file",
  "du /",
  "find /",
  "tree-copy /directory /new",
])("the first interrupt ends %s while the server does not answer", async (line) => {
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const server = new MemoryServer();
  server.files.write("/file", Buffer.from("x"));
  server.files.makeDirectory("/directory");
  let connections = line.startsWith("tree-copy") ? 2 : 1;
  const before = process.listenerCount("SIGINT");
  const ended = runCommandLine({
    arguments: line.split(" "),
    places: "/PATH",
    connect: async () => {
      const client = await server.connect({});
      connections -= 1;
      if (connections === 0) server.state = "frozen";
      return client;
    },
  });
  await expect.poll(() => server.log.length).toBeGreaterThan(0);
  process.emit("SIGINT");
  expect(await ended).toBe(130);
  expect(server.clients.size).toBe(0);
  expect(server.files.files).toEqual(["/file"]);
  expect(process.listenerCount("SIGINT")).toBe(before);
});
