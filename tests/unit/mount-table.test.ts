import { MountTableError, parseMountTable, serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { expect, test } from "vitest";
import { MemoryNetwork } from "../support/memory-router.ts";

const { table } = new MemoryNetwork(2);

test("a byte order mark in front of a mount table is ignored", () => {
  expect(parseMountTable(`\uFEFF${serializeMountTable(table)}`)).toEqual(table);
});

test.each(["", "{", "\uFEFF\uFEFF{}", "not JSON", '{"mount_targets":[]}\uFEFF'])(
  "%j is no JSON, and the error says why",
  (text) => {
    expect(() => parseMountTable(text)).toThrow(MountTableError);
    expect(() => parseMountTable(text)).toThrow(
      /^The mount table is not JSON: Unexpected|^The mount table is not JSON: Expected/,
    );
  },
);
