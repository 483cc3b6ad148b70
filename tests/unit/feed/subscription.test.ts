import type { OwnFile } from "@efs-mount-autoscaling/routed-files";
import { expect, onTestFinished, test, vi } from "vitest";
import { formatEntry } from "../../../fargate-app/src/feed/change.ts";
import { parseCursor } from "../../../fargate-app/src/feed/cursor.ts";
import { LogTail } from "../../../fargate-app/src/feed/log-tail.ts";
import { subscribe } from "../../../fargate-app/src/feed/subscription.ts";

const MINUTE = 60_000;

/** Logs of very many processes, by the names of their segments. */
class Logs {
  readonly #files = new Map<string, { data: Buffer; modifiedAt: number }>();

  append(name: string, path: string, modifiedAt: number): void {
    const line = Buffer.from(formatEntry({ kind: "uncertain", path, time: modifiedAt }));
    const before = this.#files.get(name)?.data ?? Buffer.alloc(0);
    this.#files.set(name, { data: Buffer.concat([before, line]), modifiedAt });
  }

  /** As they are in a replica that is behind. */
  replica(bytes: number): Logs {
    const replica = new Logs();
    for (const [name, { data, modifiedAt }] of this.#files) {
      replica.#files.set(name, { data: data.subarray(0, bytes), modifiedAt });
    }
    return replica;
  }

  async list(): Promise<OwnFile[]> {
    return [...this.#files].map(([name, { data, modifiedAt }]) => ({ name, size: data.length, modifiedAt }));
  }

  async read(name: string, start: number, length: number): Promise<Buffer> {
    return this.#files.get(name)?.data.subarray(start, start + length) ?? Buffer.alloc(0);
  }
}

const nameOf = (writer: number) => `w${`${writer}`.padStart(7, "0")}`;

/** The paths of the events until `wanted` have come, and the id of the last block. */
async function follow(logs: Logs, after: string | undefined, wanted: number): Promise<{ paths: string[]; id: string }> {
  const tail = new LogTail(logs, { pollInterval: 0 });
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const paths: string[] = [];
  const options = { prefix: "", retention: 15 * MINUTE, keepAliveInterval: 0, signal: ending.signal };
  for await (const event of subscribe(tail, { ...options, after: after === undefined ? after : parseCursor(after) })) {
    if (event.kind === "change") paths.push(event.entry.path);
    else if (paths.length >= wanted) return { paths, id: event.id };
  }
  throw new Error("It has no end of its own");
}

test.each([10, 399, 5_000])(
  "with the logs of %d processes, an id fits into a header and leaves nothing out",
  async (count) => {
    const now = Date.now();
    const logs = new Logs();
    for (let writer = 0; writer < count; writer += 1) {
      // Most of them have ended; the last ones write still.
      logs.append(`${nameOf(writer)}.1`, `before/${writer}`, writer < count - 5 ? now - 5 * MINUTE : now);
    }
    const { paths, id } = await follow(logs, undefined, 0);
    expect(paths).toEqual([]);
    expect(id.length).toBeLessThan(8_000);

    vi.useFakeTimers({ now: now + 1_000, toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    logs.append(`${nameOf(count - 1)}.1`, "the same segment", now + 1_000);
    logs.append(`${nameOf(count - 2)}.2`, "the next segment", now + 1_000);
    logs.append(`${nameOf(0)}.2`, "one that was silent", now + 1_000);
    logs.append(`${nameOf(count)}.1`, "a new process", now + 1_000);
    const again = await follow(logs, id, 4);
    expect(again.paths.toSorted()).toEqual([
      "a new process",
      "one that was silent",
      "the next segment",
      "the same segment",
    ]);
  },
);

test("where more processes write than an id has places for, what comes again is of the last minutes", async () => {
  const now = Date.now();
  const logs = new Logs();
  const count = 1_000;
  for (let writer = 0; writer < count; writer += 1) {
    logs.append(`${nameOf(writer)}.1`, `old/${writer}`, now - 5 * MINUTE);
    logs.append(`${nameOf(writer)}.2`, `new/${writer}`, now);
  }
  const { id } = await follow(logs, undefined, 0);
  expect(id.length).toBeLessThan(8_000);
  for (let writer = 0; writer < count; writer += 1) logs.append(`${nameOf(writer)}.2`, `after/${writer}`, now);
  const { paths } = await follow(logs, id, count);
  expect(paths.filter((path) => path.startsWith("after/"))).toHaveLength(count);
  expect(paths.filter((path) => path.startsWith("old/"))).toEqual([]);
});

test.each([
  ["all", Number.POSITIVE_INFINITY, ["unseen", "in the new primary"]],
  ["less than the client has seen", 150, ["in the new primary"]],
  ["nothing", 0, ["in the new primary"]],
])(
  "after a failover to a replica that has %s of the logs, a client goes on with its id",
  async (_, bytes, expected) => {
    const now = Date.now();
    const logs = new Logs();
    for (const path of ["a", "b", "c"]) logs.append(`${nameOf(0)}.1`, `seen/${path}`, now);
    const { id } = await follow(logs, undefined, 0);
    logs.append(`${nameOf(0)}.1`, "unseen", now);
    const replica = logs.replica(bytes);
    replica.append(`${nameOf(1)}.1`, "in the new primary", now);
    const { paths } = await follow(replica, id, expected.length);
    expect(paths).toEqual(expected);
  },
);
