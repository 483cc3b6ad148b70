import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import type { Fault } from "../../local/control-plane/server.ts";
import { describeRequiring } from "../support/requirements.ts";
import { FULL_LENGTH, fluentBit, type LogRouting, startLogRouting } from "./support/log-routing.ts";
import { compareNumbers, numbersOf, writeLines } from "./support/traffic.ts";

const OUTAGE = FULL_LENGTH ? 30_000 : 5_000;
const ERROR_EVERY = 10;
const UPLOAD_FAILED = /failed to flush chunk.* > output=s3/;
const TIMEOUT = OUTAGE + 120_000;

const FAULTS: Record<string, Fault | "refuse"> = {
  "answer 500": {
    takesEffect: false,
    response: new AwsError("InternalError", 500, "We encountered an internal error."),
  },
  "answer 503 SlowDown": { takesEffect: false, response: new AwsError("SlowDown", 503, "Reduce your request rate.") },
  "close the connection": { takesEffect: false, response: "connection-closed" },
  "refuse connections": "refuse",
  // Fluent Bit gives up waiting after 20 s, so this one is too long for the short form.
  ...(FULL_LENGTH ? { "do not answer": { takesEffect: false, response: "none" } as const } : {}),
};

describeRequiring([fluentBit], "when S3 and CloudWatch Logs", ([command]) => {
  async function expectAll(routing: LogRouting, count: number): Promise<void> {
    const expected = numbersOf(count, ERROR_EVERY);
    const stored = (await routing.stored()).map(({ seq }) => seq);
    const errors = (await routing.errors()).map(({ seq }) => seq);
    // What was received is sent again where its answer was lost, so some may come twice.
    expect({
      s3: compareNumbers(stored, expected.all).missing,
      cloudWatchLogs: compareNumbers(errors, expected.errors).missing,
    }).toEqual({ s3: 0, cloudWatchLogs: 0 });
  }

  async function setFaults(routing: LogRouting, fault: Fault | "refuse" | undefined): Promise<void> {
    await Promise.all([routing.setFault("s3", fault), routing.setFault("logs", fault)]);
  }

  for (const [name, fault] of Object.entries(FAULTS)) {
    test.concurrent(
      `${name} for ${OUTAGE / 1000} s, nothing is lost`,
      async (context) => {
        const routing = await startLogRouting(command, context);
        const driver = await routing.openDriver();
        const enough = new AbortController();
        // 1.5 MB a second, so that an upload to S3 falls into the outage.
        const traffic = writeLines(driver, {
          linesPerSecond: 150,
          lineLength: 10_000,
          duration: TIMEOUT,
          signal: enough.signal,
          errorEvery: ERROR_EVERY,
        });
        await sleep(1_000);
        await setFaults(routing, fault);
        await sleep(OUTAGE);
        await context.expect
          .poll(() => routing.output.some((line) => UPLOAD_FAILED.test(line)), { timeout: 60_000 })
          .toBe(true);
        await setFaults(routing, undefined);
        await sleep(1_000);
        enough.abort();
        const count = await traffic;
        await driver.close(30_000);
        expect(await routing.stop()).toMatchObject({ code: 0 });

        await expectAll(routing, count);
      },
      TIMEOUT,
    );
  }

  test.concurrent(
    "work, and SIGTERM comes in mid-flow, nothing is lost",
    async (context) => {
      const routing = await startLogRouting(command, context);
      const driver = await routing.openDriver();
      const count = await writeLines(driver, { linesPerSecond: 500, duration: 2_000, errorEvery: ERROR_EVERY });
      driver.write("Error: the last words", "stderr");
      driver.write("    at main.ts:1:2", "stderr");
      void driver.close(10_000);
      await routing.stop();

      const stored = await routing.stored();
      expect(stored.map(({ log }) => log)).toContain("Error: the last words\n    at main.ts:1:2");
      const numbers = stored.filter(({ seq }) => seq !== undefined).map(({ seq }) => seq);
      expect(compareNumbers(numbers, numbersOf(count, ERROR_EVERY).all)).toEqual({ missing: 0, repeated: 0 });
    },
    TIMEOUT,
  );

  test.concurrent(
    "fail while it is stopping, what they missed is sent before it ends",
    async (context) => {
      const routing = await startLogRouting(command, context);
      const driver = await routing.openDriver();
      const count = await writeLines(driver, { linesPerSecond: 200, duration: 2_000, errorEvery: ERROR_EVERY });
      await driver.close(10_000);
      // Only S3: for CloudWatch Logs, Fluent Bit waits by itself.
      await routing.setFault("s3", FAULTS["answer 503 SlowDown"]);
      const stopped = routing.stop();
      await sleep(8_000);
      await routing.setFault("s3", undefined);
      await stopped;

      await expectAll(routing, count);
    },
    TIMEOUT,
  );
});
