import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runCommandLine, type Server } from "../../../packages/nfs-client/src/cli/index.ts";
import { MemoryServer } from "../../support/memory-nfs.ts";

let server: MemoryServer;
let complaints: string[];

beforeEach(() => {
  server = new MemoryServer();
  server.files.makeDirectories("/data/inner");
  server.files.write("/data/inner/file", Buffer.from("x"));
  complaints = [];
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
  vi.spyOn(process.stderr, "write").mockImplementation((text) => complaints.push(String(text)) > 0);
});

afterEach(() => vi.restoreAllMocks());

/** @param serverOf By default, all hosts are one server, whatever their port. */
function nfs(args: readonly string[], serverOf: (server: Server | undefined) => MemoryServer = () => server) {
  const connect = (to: Server | undefined) => serverOf(to).connect({});
  return runCommandLine({ arguments: args, places: "nfs://HOST[:PORT]/PATH", connect });
}

describe("a directory is not copied into itself", () => {
  test.each([
    ["nfs://h/data", "nfs://h:2049/data/copy"],
    ["nfs://h:2049/data", "nfs://H/data/copy"],
    ["nfs://h:2049/data", "nfs://h/data"],
    ["nfs://h/", "nfs://h:2049/copy"],
  ])("%s to %s", async (from, to) => {
    expect(await nfs(["tree-copy", from, to])).toBe(2);
    expect(complaints.join("")).toContain("cannot be copied to itself");
    expect(server.files.files).toEqual(["/data/inner/file"]);
  });

  test("under another name of the server", async () => {
    expect(await nfs(["tree-copy", "nfs://name/data", "nfs://10.0.0.1/data"])).toBe(2);
    expect(server.files.files).toEqual(["/data/inner/file"]);
    for (const copies of ["for the first time", "once more"]) {
      expect([copies, await nfs(["tree-copy", "nfs://name/data", "nfs://10.0.0.1/data/inner/copy"])]).toEqual([
        copies,
        1,
      ]);
      expect(server.files.files).toEqual(["/data/inner/copy/inner/file", "/data/inner/file"]);
      expect(complaints.join("")).toContain("nfs: /data/inner/copy: A directory cannot be copied to itself");
    }
  });
});

test("a directory of another server with the same file id is copied", async () => {
  const other = new MemoryServer();
  other.files.makeDirectories("/data");
  const serverOf = (to: Server | undefined) => (to?.host === "other" ? other : server);
  expect(other.files.stat("/data").fileId).toBe(server.files.stat("/data").fileId);
  expect([await nfs(["tree-copy", "nfs://h/data", "nfs://other/data"], serverOf), complaints]).toEqual([0, []]);
  expect(other.files.files).toEqual(["/data/inner/file"]);
  expect(other.files.list("/data")).toHaveLength(1);
});

test("mv takes the port that is not written for 2049", async () => {
  expect([await nfs(["mv", "nfs://h/data", "nfs://h:2049/moved"]), complaints]).toEqual([0, []]);
  expect(server.files.files).toEqual(["/moved/inner/file"]);
  expect(await nfs(["mv", "nfs://h/moved", "nfs://h:2050/data"])).toBe(2);
  expect(server.files.files).toEqual(["/moved/inner/file"]);
});
