import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { describeRequiring } from "../support/requirements.ts";
import { FULL_LENGTH, fluentBit, startLogRouting } from "./support/log-routing.ts";
import { writeLines } from "./support/traffic.ts";

const ERRORS = FULL_LENGTH ? 50 : 5;

describeRequiring([fluentBit], "an ERROR", ([command]) => {
  test("is in CloudWatch Logs within 5 seconds, while other lines flow", async (context) => {
    const routing = await startLogRouting(command, context);
    const driver = await routing.openDriver();
    const enough = new AbortController();
    const traffic = writeLines(driver, {
      linesPerSecond: 200,
      duration: 120_000,
      errorEvery: Number.POSITIVE_INFINITY,
      signal: enough.signal,
    });
    for (let n = 0; n < ERRORS; n++) {
      driver.write(JSON.stringify({ level: "ERROR", n }), "stdout");
      await sleep(310);
    }
    await context.expect
      .poll(async () => (await routing.errorEvents()).filter(({ message }) => "n" in JSON.parse(message)).length, {
        timeout: 60_000,
      })
      .toBe(ERRORS);
    enough.abort();
    await traffic;
    await driver.close(10_000);

    const latencies = (await routing.errorEvents())
      .filter(({ message }) => "n" in JSON.parse(message))
      .map(({ ingestionTime, timestamp }) => ingestionTime - timestamp)
      .sort((a, b) => a - b);
    const median = latencies[Math.floor(ERRORS / 2)];
    const max = latencies.at(-1);
    console.log(`ERROR to CloudWatch Logs: median ${median} ms, longest ${max} ms of ${ERRORS}`);
    expect(max).toBeLessThan(5_000);
  });
});
