/** Local CloudWatch Logs: its rules. Fluent Bit, in tests/log-routing, is its client over the wire. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LogStore } from "../../../local/cloudwatch-logs/log-store.ts";

const GROUP = "/ecs/backend/errors";
const STREAM = "fargate-router";
const HOUR = 60 * 60 * 1000;
const NOW = Date.UTC(2026, 0, 31);

let directory: string;
let store: LogStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "logs-"));
  store = new LogStore(directory);
  await store.createGroup(GROUP);
});

afterEach(() => rm(directory, { recursive: true }));

const put = (...timestamps: readonly number[]) =>
  store.putEvents(
    GROUP,
    STREAM,
    timestamps.map((timestamp) => ({ timestamp, message: `at ${timestamp}` })),
    NOW,
  );

const refused = (code: string) => expect.objectContaining({ code });

test("keeps events in the streams that were made for them, also as files", async () => {
  await expect(put(NOW)).rejects.toThrow(refused("ResourceNotFoundException"));
  await store.createStream(GROUP, STREAM);
  await put(NOW, NOW + 1);

  expect(await store.streams(GROUP)).toEqual([STREAM]);
  expect((await store.events(GROUP, STREAM)).map(({ message }) => message)).toEqual([`at ${NOW}`, `at ${NOW + 1}`]);
  const file = join(directory, encodeURIComponent(GROUP), `${STREAM}.jsonl`);
  expect((await readFile(file, "utf8")).trimEnd().split("\n")).toHaveLength(2);
});

test("keeps large batches apart that arrive at the same time", async () => {
  await store.createStream(GROUP, STREAM);
  const messages = ["a", "b", "c", "d"].map((letter) => letter.repeat(1_000_000));
  await Promise.all(messages.map((message) => store.putEvents(GROUP, STREAM, [{ timestamp: NOW, message }], NOW)));

  expect((await store.events(GROUP, STREAM)).map(({ message }) => message).sort()).toEqual(messages);
});

test("refuses what is there already, what is not there, and batches that CloudWatch Logs would refuse", async () => {
  await store.createStream(GROUP, STREAM);
  await expect(store.createGroup(GROUP)).rejects.toThrow(refused("ResourceAlreadyExistsException"));
  await expect(store.createStream(GROUP, STREAM)).rejects.toThrow(refused("ResourceAlreadyExistsException"));
  await expect(store.createStream("/none", STREAM)).rejects.toThrow(refused("ResourceNotFoundException"));
  const invalid = refused("InvalidParameterException");
  await expect(put(NOW, NOW - 1)).rejects.toThrow(invalid);
  await expect(put(NOW - 25 * HOUR, NOW)).rejects.toThrow(invalid);
  await expect(put(...Array.from({ length: 10_001 }, () => NOW))).rejects.toThrow(invalid);
  const large = { timestamp: NOW, message: "x".repeat(600_000) };
  await expect(store.putEvents(GROUP, STREAM, [large, large], NOW)).rejects.toThrow(invalid);
  expect(await store.events(GROUP, STREAM)).toEqual([]);
});

test("leaves out events that are too old or too new, and says which", async () => {
  await store.createStream(GROUP, STREAM);
  expect(await put(NOW, NOW + 3 * HOUR)).toEqual({ tooNewLogEventStartIndex: 1 });
  expect(await put(NOW - 14 * 24 * HOUR - 1, NOW - 14 * 24 * HOUR)).toEqual({ tooOldLogEventEndIndex: 1 });
  expect(await store.events(GROUP, STREAM)).toHaveLength(2);
});
