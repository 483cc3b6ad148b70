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

const retiring = (since: unknown) =>
  JSON.stringify({ mount_targets: [{ ...table.mount_targets[0], retiring_since: since }] });

test.each(["2026-11-29T01:02:03Z", "2026-11-29T01:02:03.456Z", "2026-11-29T10:02:03+09:00"])(
  "a mount target may be retiring since %j",
  (since) => {
    expect(parseMountTable(retiring(since)).mount_targets[0]?.retiring_since).toBe(since);
  },
);

test.each(["", "yesterday", "2026-11-29", "2026-11-29T01:02:03", 1_764_378_123, true, null])(
  "%j is no time since when a mount target could be retiring",
  (since) => {
    expect(() => parseMountTable(retiring(since))).toThrow(
      new MountTableError(
        "The mount table is not valid: mount_targets[0].retiring_since: must be a time like 2026-11-29T01:02:03Z",
      ),
    );
  },
);
