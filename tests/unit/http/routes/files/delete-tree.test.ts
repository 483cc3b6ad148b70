import { deleteTree, filePath } from "@efs-mount-autoscaling/routed-files";
import { Op } from "nfs-client/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { z } from "zod";
import { deletionLine } from "../../../../../fargate-app/src/http/routes/files/delete-tree.ts";
import { failure } from "../../../../support/memory-file-system.ts";
import { MemoryNetwork } from "../../../../support/memory-router.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../../support/memory-server.ts";

let server: MemoryHttpServer;

beforeEach(async () => {
  server = await startMemoryServer();
});

afterEach(() => server.close());

function write(path: string): void {
  server.network.files.write(`/data/${path}`, Buffer.from(path));
}

function remove(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${server.url}/files/${path}`, { method: "DELETE", headers });
}

async function removeTree(path: string): Promise<z.infer<typeof deletionLine>[]> {
  const response = await remove(`${path}?recursive`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/x-ndjson");
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  return lines.map((line) => deletionLine.parse(JSON.parse(line)));
}

const namesIn = (path: string) => server.network.files.list(`/data/${path}`).map(({ name }) => name);

describe("DELETE ?recursive", () => {
  test("removes all that is below a directory, the directory, and nothing else", async () => {
    const directories = Array.from({ length: 200 }, (_, index) => `top/${index % 7}/${index}`);
    for (const directory of directories) for (const name of ["a", "b", "c"]) write(`${directory}/${name}`);
    server.network.files.makeDirectories("/data/top/empty");
    server.network.files.makeLink("/data/top/link", "../beside");
    write("beside/file");
    const lines = await removeTree("top/");
    expect(lines.at(-1)).toEqual({ files: 601, directories: 209, failed: 0, complete: true });
    expect(namesIn("")).toEqual(["beside"]);
    expect(namesIn("beside")).toEqual(["file"]);
  });

  test("removes unfinished files, too, which nobody can name", async () => {
    write("top/.nfs-tmp-1b4e28ba-2fa1-11d2-883f-0016d3cca427");
    expect((await removeTree("top/")).at(-1)).toMatchObject({ complete: true });
    expect(namesIn("")).toEqual([]);
  });

  test("names what it could not remove, removes the rest, and can be sent again", async () => {
    for (const name of ["top/a", "top/sub/b", "top/sub/kept", "top/z"]) write(name);
    const { files } = server.network;
    const removeFile = files.remove.bind(files);
    let forbidden = true;
    files.remove = (path, options) => {
      if (forbidden && path.endsWith("/kept")) return files.remove("/data/forbidden/by/the/test", options);
      return removeFile(path, options);
    };
    server.network.files.makeDirectories("/data/forbidden");
    server.network.files.write("/data/forbidden/by", Buffer.from("a file, which is no directory"));
    const lines = await removeTree("top/");
    expect(lines).toContainEqual({ path: "top/sub/kept", problem: expect.objectContaining({ status: 409 }) });
    expect(lines.at(-1)).toEqual({ files: 3, directories: 0, failed: 1, complete: false });
    expect(namesIn("top/sub")).toEqual(["kept"]);
    forbidden = false;
    expect((await removeTree("top/")).at(-1)).toEqual({ files: 1, directories: 2, failed: 0, complete: true });
  });

  test("ends at 1,000 names that cannot be removed, with the reason of the last one", async () => {
    for (let index = 0; index < 1_100; index++) write(`top/${index}`);
    server.network.files.remove = () => {
      throw failure("NFS4ERR_ROFS", Op.REMOVE, "/data/top");
    };
    const lines = await removeTree("top/");
    const detail = "1000 names failed, and the rest was not tried. The last one: The file system is read-only";
    const problem = { status: 403, code: "NFS4ERR_ROFS", title: "Forbidden", detail };
    expect(lines.at(-1)).toMatchObject({ files: 0, complete: false, problem });
    expect(lines.at(-1)?.failed).toBeGreaterThanOrEqual(1_000);
  });

  test("goes on where a mount target is lost, and ends with the reason where none is left", async () => {
    await server.close();
    server = await startMemoryServer(new MemoryNetwork(3));
    for (let index = 0; index < 300; index++) write(`top/${index % 10}/${index}`);
    const [lost] = server.network.servers;
    if (lost) lost.state = "down";
    expect((await removeTree("top/")).at(-1)).toMatchObject({ files: 300, complete: true });
    for (let index = 0; index < 300; index++) write(`top/${index % 10}/${index}`);
    const { files, servers } = server.network;
    const removeFile = files.remove.bind(files);
    let left = 100;
    files.remove = (path, options) => {
      const removed = removeFile(path, options);
      left -= 1;
      if (left === 0) for (const each of servers) each.state = "down";
      return removed;
    };
    const last = (await removeTree("top/")).at(-1);
    expect(last).toMatchObject({ complete: false, problem: { status: expect.any(Number) } });
    expect(last?.files).toBeLessThan(300);
  });

  test("ends when nobody takes its reports any more", async () => {
    for (let index = 0; index < 5_000; index++) write(`top/${index}`);
    const { files, servers } = server.network;
    const removeFile = files.remove.bind(files);
    let removed = 0;
    files.remove = (path, options) => {
      const change = removeFile(path, options);
      removed += 1;
      if (removed === 100) for (const each of servers) each.state = "frozen";
      return change;
    };
    const options = { files: server.router, change: (change: () => Promise<void>) => change(), progressInterval: 1 };
    for await (const report of deleteTree(filePath("top"), options)) if (report.kind === "progress") break;
    const before = removed;
    for (const each of servers) each.state = "up";
    expect((await server.router.stat(filePath("top"))).type).toBe("directory");
    expect(removed).toBe(before);
    expect(namesIn("top")).toHaveLength(5_000 - before);
  });

  test("is refused at the root, for a file, for nothing, with a value, and with a condition", async () => {
    write("top/a");
    expect((await remove("?recursive")).status).toBe(400);
    expect((await remove("top/a?recursive")).status).toBe(409);
    expect((await remove("missing/?recursive")).status).toBe(404);
    expect((await remove("top/?recursive=yes")).status).toBe(400);
    expect((await remove("top/?recursive", { "if-match": '"x"' })).status).toBe(400);
    expect(namesIn("top")).toEqual(["a"]);
  });

  test("is not what a DELETE does without it", async () => {
    write("top/a");
    expect((await remove("top/")).status).toBe(409);
    expect(namesIn("top")).toEqual(["a"]);
  });
});
