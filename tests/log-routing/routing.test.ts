import { FluentClient } from "@fluent-org/logger";
import fc from "fast-check";
import { expect, type TestContext, test } from "vitest";
import { describeRequiring } from "../support/requirements.ts";
import { expectedRecord, isError, logLines } from "./support/lines.ts";
import { fluentBit, type LogRecord, startLogRouting, TASK, TASK_ID } from "./support/log-routing.ts";

const METADATA = {
  container_name: "router",
  container_id: `${TASK_ID}-0000000001`,
  source: "stdout",
  ecs_cluster: TASK.cluster,
  ecs_task_arn: TASK.taskArn,
  ecs_task_definition: TASK.taskDefinition,
};

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describeRequiring([fluentBit], "a container's lines", ([command]) => {
  /** Sends the lines one after the other, and returns what S3 and CloudWatch Logs have in the end. */
  async function route(
    context: TestContext,
    lines: readonly string[],
  ): Promise<{ stored: LogRecord[]; errors: LogRecord[] }> {
    const routing = await startLogRouting(command, context);
    const driver = await routing.openDriver();
    for (const line of lines) driver.write(line, "stdout");
    await driver.close(10_000);
    expect(await routing.stop()).toMatchObject({ code: 0 });
    return { stored: await routing.stored(), errors: await routing.errors() };
  }

  test.concurrent("go to S3 with their message, level, container, source, ECS metadata and time", async (context) => {
    const { stored } = await route(context, [
      '{"level":"INFO","time":"2026-01-02T03:04:05.678Z","msg":"hello"}',
      "plain",
    ]);
    const byMessage = stored.sort((a, b) => String(b.msg).localeCompare(String(a.msg)));

    expect(byMessage).toEqual([
      { ...METADATA, log: "plain", timestamp: expect.stringMatching(TIMESTAMP) },
      {
        ...METADATA,
        level: "INFO",
        time: "2026-01-02T03:04:05.678Z",
        msg: "hello",
        timestamp: expect.stringMatching(TIMESTAMP),
      },
    ]);
  });

  test.concurrent("go to CloudWatch Logs too if their level is ERROR or above", async (context) => {
    const errors = ["ERROR", "CRITICAL", "FATAL", "error", "Fatal", 50, 60];
    const others = [
      "INFO",
      "WARN",
      "DEBUG",
      "ERRORS",
      "NO ERROR",
      "50",
      30,
      40,
      51,
      500,
      -50,
      50.5,
      null,
      true,
      ["ERROR"],
    ];
    const { stored, errors: sent } = await route(context, [
      ...[...errors, ...others].map((level) => JSON.stringify({ level, msg: "x" })),
      JSON.stringify({ msg: "its own level counts", level: "INFO", cause: { level: "ERROR", nested: { level: 50 } } }),
      JSON.stringify({ msg: "wherever it stands", cause: { level: 30 }, list: [{ level: 10 }, "level"], level: 60 }),
      '{ "msg": "with spaces" , "level" : 50 }',
      '{"msg":"quoted: \\"level\\":50,"}',
    ]);

    const levels = (records: readonly LogRecord[]) =>
      records.filter(({ msg }) => msg === "x").map(({ level }) => level);
    const messages = (records: readonly LogRecord[]) => records.map(({ msg }) => msg).filter((msg) => msg !== "x");
    expect(new Set(levels(stored))).toEqual(new Set([...errors, ...others]));
    expect(stored).toHaveLength(errors.length + others.length + 4);
    expect(levels(sent).sort()).toEqual(errors.sort());
    expect(messages(sent).sort()).toEqual(["wherever it stands", "with spaces"]);
  });

  test.concurrent("arrive as they were, however odd", async (context) => {
    const lines = [
      "",
      " ",
      "a line with \u0000 and \u001b[31mcolours\u001b[0m",
      "日本語のログ 🎉 e\u0301",
      "[1,2]",
      '"text"',
      "{",
      '{"level":"ERROR"',
      '{"level":"ERROR","msg":"no end}',
      '{"level":"ERROR",}',
      '{"level":"ERROR"} and more',
      '{"level":"ERROR"}}',
      '{"level":"ERROR"}{"level":"ERROR"}',
      "{level:ERROR}",
      `${"x".repeat(200_000)}`,
    ];
    const { stored, errors } = await route(context, lines);

    expect(stored.map(({ log }) => log).sort()).toEqual(lines.sort());
    expect(errors).toEqual([]);
  });

  test.concurrent("arrive whole when the container runtime split them", async (context) => {
    const messages = ["y".repeat(200_000), "長".repeat(60_000)];
    const { stored, errors } = await route(
      context,
      messages.map((msg) => JSON.stringify({ level: "ERROR", msg })),
    );

    for (const records of [stored, errors]) {
      expect(records.map(({ msg }) => msg).sort()).toEqual(messages.sort());
    }
    expect(Object.keys(stored[0] ?? {}).filter((key) => key.startsWith("partial_"))).toEqual([]);
  });

  test.concurrent("keep nested values, large numbers and their own names, but can't pass for another container", async (context) => {
    const line = '{"a":{"b":[1,[],{},null,true,{"c":"d"}]},"n":9007199254740993,"log":"mine","container_name":"other"}';
    const { stored } = await route(context, [line]);

    expect(stored).toEqual([
      {
        ...METADATA,
        a: { b: [1, [], {}, null, true, { c: "d" }] },
        n: JSON.parse("9007199254740993"),
        log: "mine",
        timestamp: expect.anything(),
      },
    ]);
  });

  test.concurrent("that make a stack trace are one record", async (context) => {
    const traces = [
      [
        "TypeError [ERR_INVALID_ARG_TYPE]: The path must be a string",
        "    at join (node:path:1:2)",
        "    at async main (file:///app/main.cjs:3:4) {",
        "  code: 'ERR_INVALID_ARG_TYPE',",
        "  [cause]: Error: inner",
        "      at deeper (file:///app/main.cjs:5:6)",
        "}",
      ],
      [
        'Exception in thread "main" java.lang.IllegalStateException: broken',
        "\tat com.example.Main.main(Main.java:5)",
        "Caused by: java.io.IOException: disk",
        "\t... 3 more",
      ],
      [
        "Traceback (most recent call last):",
        '  File "main.py", line 1, in <module>',
        "    run()",
        "KeyError: 'a'",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "main.py", line 3, in <module>',
        "ValueError: bad",
      ],
    ];
    const { stored } = await route(
      context,
      traces.flatMap((trace) => ["before", ...trace, "after"]),
    );

    const others = traces.flatMap(() => ["before", "after"]);
    expect(stored.map(({ log }) => log).sort()).toEqual([...traces.map((trace) => trace.join("\n")), ...others].sort());
  });

  test.concurrent("of each container are told apart, also over TCP", async (context) => {
    const routing = await startLogRouting(command, context);
    const first = await routing.openDriver({ containerName: "router" });
    const second = await routing.openDriver({
      containerName: "other",
      address: { host: "127.0.0.1", port: routing.router.forwardPort },
    });
    first.write('{"level":"ERROR","msg":"from the first"}', "stderr");
    second.write('{"level":"ERROR","msg":"from the second"}', "stdout");
    await Promise.all([first.close(10_000), second.close(10_000)]);
    await routing.stop();

    expect(await routing.stored()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ msg: "from the first", container_name: "router", source: "stderr" }),
        expect.objectContaining({ msg: "from the second", container_name: "other", source: "stdout" }),
      ]),
    );
    expect(await routing.errorStreams()).toEqual([
      `fargate-other-firelens-${TASK_ID}`,
      `fargate-router-firelens-${TASK_ID}`,
    ]);
  });

  test.concurrent("that are no lines hurt nothing else", async (context) => {
    const routing = await startLogRouting(command, context);
    const client = new FluentClient(`router-firelens-${TASK_ID}`, {
      socket: { path: routing.router.socketPath },
      disableAutoconnect: true,
    });
    await client.connect();
    const junk: object[] = [
      {},
      { log: Buffer.from([0, 0xff, 0xfe, 0x80]) },
      { log: 5 },
      { log: { a: 1 } },
      { other: "x" },
    ];
    for (const record of junk) await client.emit(record as Record<string, unknown>);
    await client.emit({ log: '{"level":"ERROR","msg":"still here"}' });
    await client.disconnect();
    await routing.stop();

    expect(await routing.stored()).toHaveLength(junk.length + 1);
    expect(await routing.errors()).toEqual([expect.objectContaining({ msg: "still here" })]);
  });

  test.concurrent("each reach S3 exactly once, and CloudWatch Logs if and only if their level says so", async (context) => {
    await fc.assert(
      fc.asyncProperty(logLines, async (lines) => {
        const { stored, errors } = await route(
          context,
          lines.map(({ text }) => text),
        );
        expect(difference(stored, lines.map(expectedRecord))).toEqual({ missing: [], unexpected: [] });
        expect(difference(errors, lines.filter(isError).map(expectedRecord))).toEqual({ missing: [], unexpected: [] });
      }),
      // Every run starts a router, so one large run says more than many small ones, and shrinking would take long.
      { numRuns: 2, endOnFailure: true },
    );
  });
});

function withoutMetadata(record: LogRecord): LogRecord {
  const names = ["timestamp", ...Object.keys(METADATA)];
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** What is in one of two bags of records and not in the other; metadata does not count. */
function difference(found: readonly LogRecord[], expected: readonly LogRecord[]) {
  const unexpected = found.map(withoutMetadata).map(canonical);
  const missing = expected.map(canonical).filter((record) => {
    const index = unexpected.indexOf(record);
    if (index !== -1) unexpected.splice(index, 1);
    return index === -1;
  });
  return { missing, unexpected };
}

function canonical(record: LogRecord): string {
  const byName = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);
  return JSON.stringify(Object.entries(record).sort(byName));
}
