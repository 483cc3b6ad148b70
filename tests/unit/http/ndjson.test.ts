import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ndjson } from "../../../fargate-app/src/http/ndjson.ts";

test("what fails while nobody reads ends the stream, and not the process", async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  async function* values() {
    // Each is more than the stream takes before somebody reads it.
    for (let index = 0; index < 2; index += 1) yield "x".repeat(100_000);
    throw new Error("The rest is missing");
  }
  const stream = ndjson(values());
  await once(stream, "readable");
  stream.read();
  await once(stream, "readable");
  await sleep(20);
  expect(unhandled).toEqual([]);
  await expect(stream.toArray()).rejects.toThrow("The rest is missing");
});
