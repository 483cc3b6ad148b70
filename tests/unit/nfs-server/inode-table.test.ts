import { lstatSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Inode } from "../../../packages/nfs-server/src/file-system/inode.ts";
import { InodeTable } from "../../../packages/nfs-server/src/file-system/inode-table.ts";
import { OpenFile } from "../../../packages/nfs-server/src/file-system/open-file.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "inode-table-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

function add(table: InodeTable, path: string): Inode {
  mkdirSync(join(directory, path, ".."), { recursive: true });
  writeFileSync(join(directory, path), path);
  return table.at(path, lstatSync(join(directory, path), { bigint: true }));
}

const find = (table: InodeTable, { identity }: Inode) => table.find(identity.device, identity.number);

describe("the table of inodes", () => {
  test("forgets what was not used for longest, but nothing that is open", () => {
    const table = new InodeTable(3);
    const [open, used, unused] = [add(table, "open"), add(table, "used"), add(table, "unused")];
    open.openFile = new OpenFile(-1, false, () => {});
    find(table, used);
    add(table, "more");
    add(table, "and more");
    expect(find(table, unused)).toBeUndefined();
    expect(find(table, open)).toBe(open);
  });

  test("knows where things are after a directory above them was renamed, and only those", () => {
    const table = new InodeTable();
    const below = add(table, "a/b/file");
    const beside = add(table, "ab/file");
    table.moveBelow("a", "c/d");
    expect(below.paths).toEqual(["c/d/b/file"]);
    expect(beside.paths).toEqual(["ab/file"]);
  });

  test("takes a file that was born later for another one, although it has the inode number", () => {
    const table = new InodeTable();
    const earlier = add(table, "file");
    const stat = lstatSync(join(directory, "file"), { bigint: true });
    const later = table.at("file", Object.assign(stat, { birthtimeNs: stat.birthtimeNs + 1n }));
    expect(later).not.toBe(earlier);
    expect(find(table, earlier)).toBe(later);
  });
});
