/** Error lines about as large as CloudWatch Logs takes, and far larger: there they are cut, in S3 they are whole. */
import { FluentClient } from "@fluent-org/logger";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeRequiring } from "../support/requirements.ts";
import { fluentBit, type LogRecord, startLogRouting, TASK_ID } from "./support/log-routing.ts";

/** What Fluent Bit sends of an event: bytes of the record as JSON, escaped once more as a JSON string. */
const MAX_SENT = 1_000_000;
/** Of these, the most that metadata and rounding take. */
const ROUNDING = 2_000;
/** A line is cut between two pieces of 4 KiB, whose bytes become 7 at most. */
const PIECE = 7 * 4_096;

/** What a value is made of, over and over: JSON, and the bytes that are sent for it. */
interface Fill {
  readonly open: string;
  readonly json: string;
  readonly close: string;
  readonly sent: number;
}

/** A line, and the bytes that are sent for it, about. */
interface Line {
  readonly level: string | number;
  readonly fill: Fill;
  readonly sent: number;
}

const FILLS = [
  ...["x", "長", "🎉", '"', "\\", "\n", "\u0001", "\u007f", 'Error: "no"\n    at f (C:\\a.js:1:2)\n'].map(text),
  // Fluent Bit writes such a number out.
  { open: "[", json: "1e18,", close: "0]", sent: "1000000000000000000.0,".length + 3 },
];

function text(content: string): Fill {
  return {
    open: '"',
    json: JSON.stringify(content).slice(1, -1),
    close: '"',
    sent: sentBytes(content) - sentBytes(""),
  };
}

function write({ level, fill: { open, json, close, sent: each }, sent }: Line, id: number): string {
  return `{"level":${JSON.stringify(level)},"id":${id},"msg":${open}${json.repeat(Math.ceil(sent / each))}${close}}`;
}

/** Bytes of a value in an event as it is sent. */
function sentBytes(value: unknown): number {
  const toJson = (value: unknown) => JSON.stringify(value).replaceAll("\u007f", "\\u007f");
  return Buffer.byteLength(toJson(toJson(value))) - 2;
}

function expectEvent(event: LogRecord | undefined, line: Line, id: number): void {
  const written = write(line, id);
  if (event?.id === id) {
    expect(event).toMatchObject(JSON.parse(written));
  } else {
    const log = String(event?.log);
    expect(line.sent).toBeGreaterThan(MAX_SENT - ROUNDING);
    expect(event).toMatchObject({
      level: expect.stringMatching(/^(error|critical|fatal)$/i),
      container_name: "router",
    });
    expect(event?.line_bytes).toBe(Buffer.byteLength(written));
    expect(written.startsWith(log)).toBe(true);
    expect(log.length === written.length || sentBytes(event) > MAX_SENT - ROUNDING - PIECE).toBe(true);
  }
  expect(sentBytes(event)).toBeLessThanOrEqual(MAX_SENT);
}

describeRequiring([fluentBit], "error lines", ([command]) => {
  const level = fc.constantFrom("ERROR", "critical", "Fatal", 50, 60);
  const sent = fc.oneof(
    fc.constantFrom(MAX_SENT - ROUNDING, MAX_SENT, 1_048_576, 1_050_000, 1_200_000),
    fc.integer({ min: MAX_SENT / 10, max: 3 * MAX_SENT }),
  );
  const lines = fc
    .tuple(...FILLS.map((fill) => fc.record<Line>({ level, fill: fc.constant(fill), sent })))
    .map((lines) => [...lines, { level: "ERROR", fill: text("x"), sent: 20_000_000 }]);

  test("reach S3 whole, and CloudWatch Logs too, or cut after a million bytes", async (context) => {
    await fc.assert(
      fc.asyncProperty(lines, async (lines) => {
        const routing = await startLogRouting(command, context);
        const driver = await routing.openDriver();
        for (const [id, line] of lines.entries()) driver.write(write(line, id), "stdout");
        // What is still on its way through the socket when the router stops would be lost.
        await context.expect
          .poll(() => routing.errors(), { timeout: 60_000, interval: 1_000 })
          .toHaveLength(lines.length);
        await driver.close(1_000);
        expect(await routing.stop()).toMatchObject({ code: 0 });

        const stored = await routing.stored();
        const events = await routing.errors();
        expect(stored).toHaveLength(lines.length);
        lines.forEach((line, id) => {
          expect(stored.find((record) => record.id === id)).toMatchObject(JSON.parse(write(line, id)));
          expectEvent(
            events.find((event) => event.id === id || String(event.log).includes(`,"id":${id},`)),
            line,
            id,
          );
        });
      }),
      // Each run starts a log router, and shrinking would take long.
      { numRuns: 2, endOnFailure: true },
    );
  });

  test("with bytes that are no text reach CloudWatch Logs, too", async (context) => {
    const routing = await startLogRouting(command, context);
    const client = new FluentClient(`router-firelens-${TASK_ID}`, {
      socket: { path: routing.router.socketPath },
      disableAutoconnect: true,
    });
    await client.connect();
    for (const length of [300_000, 700_000]) {
      const log = Buffer.concat([
        Buffer.from('{"level":"ERROR","msg":"'),
        Buffer.alloc(length, 0xe9),
        Buffer.from('"}'),
      ]);
      await client.emit({ log });
    }
    await client.disconnect();
    await routing.stop();

    expect((await routing.stored()).map(({ msg }) => String(msg).length).sort()).toEqual([300_000, 700_000]);
    expect(await routing.errors()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ msg: "\ufffd".repeat(300_000) }),
        expect.objectContaining({ log: expect.stringMatching(/^{"level":"ERROR","msg":"\ufffd{300000,333333}$/) }),
      ]),
    );
  });

  test("of other levels stay out of CloudWatch Logs", async (context) => {
    const routing = await startLogRouting(command, context);
    const driver = await routing.openDriver();
    driver.write(write({ level: "INFO", fill: text('"'), sent: 2 * MAX_SENT }, 1), "stdout");
    driver.write(write({ level: 30, fill: text('{"level":"ERROR"}'), sent: 2 * MAX_SENT }, 2), "stdout");
    await driver.close(10_000);
    await routing.stop();

    expect((await routing.stored()).map(({ id }) => id).sort()).toEqual([1, 2]);
    expect(await routing.errors()).toEqual([]);
  });
});
