import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import type { Clock } from "../../../local/clock.ts";
import { startSchedule } from "../../../local/eventbridge/schedule.ts";
import { createLambdaFunction, TooManyRequestsError } from "../../../local/lambda/function.ts";
import type { Invocation } from "../../../local/lambda/messages.ts";
import type { LogLine } from "../../../local/logs/log-line.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A bundle whose handler does what its event says. */
const BUNDLE = `
  let invocations = 0;
  exports.handler = async (event, context) => {
    invocations++;
    if (event.do === "throw") throw new TypeError("no such directory");
    if (event.do === "exit") process.exit(7);
    if (event.do === "hang") await new Promise(() => setInterval(() => {}, 1000));
    console.log(JSON.stringify({ level: "INFO", message: "ran" }));
    const times = [Date.now(), new Date().getTime(), Date.parse(Date()), new Date(5).getTime(), new Date() instanceof Date];
    return { pid: process.pid, invocations, event, context, remaining: context.getRemainingTimeInMillis(), env: process.env, times };
  };
`;

async function start({ timeout = 20_000, clock }: { timeout?: number; clock?: Clock } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "schedule-test-"));
  cleanups.push(() => rm(directory, { recursive: true }));
  const bundle = join(directory, "index.cjs");
  await writeFile(bundle, BUNDLE);
  const lines: LogLine[] = [];
  const monitor = createLambdaFunction({
    functionName: "file-monitor",
    region: "ap-northeast-1",
    accountId: "123456789012",
    bundle,
    handler: "handler",
    environment: { TARGET_DIRECTORY: "/data" },
    timeout,
    memorySize: 512,
    clock,
    log: (line) => lines.push(line),
  });
  cleanups.push(() => monitor.close());
  return { monitor, lines };
}

test("a function gets its event, its context and nothing but its environment, and keeps its process", async () => {
  const { monitor, lines } = await start();
  const first = await monitor.invoke({ some: "event" });
  expect(first).toMatchObject({
    outcome: "returned",
    payload: {
      invocations: 1,
      event: { some: "event" },
      context: {
        functionName: "file-monitor",
        invokedFunctionArn: "arn:aws:lambda:ap-northeast-1:123456789012:function:file-monitor",
        awsRequestId: expect.stringMatching(/^[-0-9a-f]{36}$/),
      },
      env: { TARGET_DIRECTORY: "/data", AWS_REGION: "ap-northeast-1", AWS_LAMBDA_FUNCTION_NAME: "file-monitor" },
    },
  });
  const { remaining, env, pid } = (first as { payload: { remaining: number; env: object; pid: number } }).payload;
  expect(remaining).toBeGreaterThan(5000);
  expect(remaining).toBeLessThanOrEqual(20_000);
  expect(env).not.toHaveProperty("PATH");
  expect(await monitor.invoke({})).toMatchObject({ payload: { invocations: 2, pid } });
  await vi.waitFor(() => expect(lines).toHaveLength(2), { timeout: 60_000 });
  expect(lines[0]).toEqual({ source: "file-monitor", stream: "stdout", text: '{"level":"INFO","message":"ran"}' });
});

test("an error is the outcome; a process that ended is replaced", async () => {
  const { monitor } = await start();
  expect(await monitor.invoke({ do: "throw" })).toEqual({
    outcome: "failed",
    errorType: "TypeError",
    errorMessage: "no such directory",
  });
  expect(await monitor.invoke({})).toMatchObject({ payload: { invocations: 2 } });
  expect(await monitor.invoke({ do: "exit" })).toEqual({
    outcome: "failed",
    errorType: "Runtime.ExitError",
    errorMessage: "The runtime ended: exit status 7",
  });
  expect(await monitor.invoke({})).toMatchObject({ payload: { invocations: 1 } });
});

test("an invocation over its time is ended, and the next one gets a new process", async () => {
  // Long enough for a process to start in it: the one that replaces the first has no more time than that.
  const { monitor } = await start({ timeout: 10_000 });
  expect(await monitor.invoke({ do: "hang" })).toEqual({
    outcome: "failed",
    errorType: "Sandbox.Timedout",
    errorMessage: "Task timed out after 10.00 seconds",
  });
  expect(await monitor.invoke({})).toMatchObject({ payload: { invocations: 1 } });
});

test("a second event at the same time is refused; closing ends the first", async () => {
  const { monitor } = await start();
  const first = monitor.invoke({ do: "hang" });
  await expect(monitor.invoke({})).rejects.toThrow(TooManyRequestsError);
  await monitor.close();
  expect(await first).toMatchObject({ outcome: "failed", errorType: "Runtime.ExitError" });
});

test("a schedule sends scheduled events, one after the other, until it is closed", async () => {
  const { monitor } = await start();
  const seen: Invocation[] = [];
  const schedule = startSchedule({
    target: monitor,
    every: 20,
    ruleName: "every-five-minutes",
    accountId: "123456789012",
    region: "ap-northeast-1",
    onInvocation: (invocation) => seen.push(invocation),
  });
  cleanups.push(() => schedule.close());
  await vi.waitFor(() => expect(seen.length).toBeGreaterThanOrEqual(3), { timeout: 60_000 });
  await schedule.close();
  const count = seen.length;
  expect(seen[0]).toMatchObject({
    payload: {
      invocations: 1,
      event: {
        "detail-type": "Scheduled Event",
        source: "aws.events",
        resources: ["arn:aws:events:ap-northeast-1:123456789012:rule/every-five-minutes"],
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
    },
  });
  expect(seen[2]).toMatchObject({ payload: { invocations: 3 } });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(seen).toHaveLength(count);
});

test("a function with a fast clock takes that for the time, and has as much time as any other", async () => {
  const shows = Date.parse("2026-11-01T00:00:00Z");
  const { monitor } = await start({ clock: { shows, began: Date.now() - 1_000, speed: 3_600 } });
  const { payload } = z
    .object({
      payload: z.object({
        remaining: z.number(),
        times: z.tuple([z.number(), z.number(), z.number(), z.number(), z.boolean()]),
      }),
    })
    .parse(await monitor.invoke({}));
  const [now, created, printed, given, isDate] = payload.times;
  // More than the hour of the first second, and less than a day: the process starts within seconds.
  for (const time of [now, created, printed]) {
    expect(time).toBeGreaterThanOrEqual(shows + 3_600_000);
    expect(time).toBeLessThan(shows + 86_400_000);
  }
  expect([given, isDate]).toEqual([5, true]);
  expect(payload.remaining).toBeGreaterThan(10_000);
  expect(payload.remaining).toBeLessThanOrEqual(20_000);
});
