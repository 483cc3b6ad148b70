import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { describeRequiring } from "../support/requirements.ts";
import { fluentBit, startLogRouting } from "./support/log-routing.ts";

const KEY = /^logs\/year=(\d{4})\/month=(\d\d)\/day=(\d\d)\/hour=(\d\d)\/\d{6}-[0-9A-Za-z]{8}\.gz$/;

describeRequiring([fluentBit], "the objects in S3", ([command]) => {
  test.concurrent("each hold the records of the hour, in UTC, that their key says", async (context) => {
    const routing = await startLogRouting(command, context);
    const driver = await routing.openDriver();
    const times = [
      "2026-02-28T23:59:59.999Z",
      "2026-03-01T00:00:00.000Z",
      "2026-03-01T00:59:59.500Z",
      "2026-03-01T01:00:00.000Z",
      new Date().toISOString(),
    ];
    for (const time of [...times, ...times]) {
      driver.write(JSON.stringify({ level: "INFO", at: time }), "stdout", new Date(time));
      driver.write(JSON.stringify({ level: "ERROR", at: time }), "stdout", new Date(time));
      driver.write(`a text at ${time}`, "stdout", new Date(time));
    }
    await driver.close(10_000);
    await routing.stop();

    const objects = await routing.objects();
    const records = objects.flatMap(({ key, records }) => {
      const [, year, month, day, hour] = KEY.exec(key) ?? [];
      for (const { timestamp } of records) expect(timestamp).toMatch(`${year}-${month}-${day}T${hour}:`);
      return records;
    });
    expect(records.map(({ timestamp }) => String(timestamp).slice(0, 23)).sort()).toEqual(
      times.flatMap((time) => Array.from({ length: 6 }, () => time.slice(0, 23))).sort(),
    );
  });

  test.concurrent("appear by themselves, once the upload timeout has passed", async (context) => {
    const routing = await startLogRouting(command, context, { s3UploadTimeout: "2s" });
    const driver = await routing.openDriver();
    driver.write('{"level":"INFO","msg":"soon in S3"}', "stdout");

    await context.expect.poll(() => routing.stored(), { timeout: 60_000, interval: 200 }).toHaveLength(1);
    await driver.close(1_000);
  });

  test.concurrent("are uploaded in parts when they are large, and read as one", async (context) => {
    const routing = await startLogRouting(command, context);
    const driver = await routing.openDriver();
    // Random letters hardly compress, so that each part has the 5 MiB that S3 asks for.
    const messages = Array.from({ length: 200 }, (_, n) => `${n} ${randomLetters(100_000)}`);
    for (const msg of messages) driver.write(JSON.stringify({ msg }), "stdout");
    driver.write('{"level":"ERROR"}', "stdout");
    await driver.close(20_000);
    await routing.stop();

    expect(routing.output.join("\n")).toContain("Successfully completed multipart upload");
    const stored = (await routing.stored()).filter(({ level }) => level === undefined);
    expect(stored.map(({ msg }) => msg).sort()).toEqual(messages.sort());
    // tests/infra/least-privilege.test.ts holds the task role against these: the first four ask for s3:PutObject.
    expect([...routing.operations].sort()).toEqual(
      [
        ...["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"],
        ...["CreateLogStream", "PutLogEvents"],
      ].sort(),
    );
  });
});

function randomLetters(length: number): string {
  return randomBytes(Math.ceil((length * 3) / 4))
    .toString("base64")
    .slice(0, length);
}
