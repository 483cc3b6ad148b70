/** `docker compose run --rm try`: an INFO and an ERROR on their way through Fluent Bit, until both have arrived. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import Table from "cli-table3";
import { LogStore } from "../cloudwatch-logs/log-store.ts";
import { openLogDriver } from "../firelens/log-driver.ts";
import { ObjectStore } from "../s3/object-store.ts";
import { BUCKET, ERROR_LOG_GROUP } from "./settings.ts";

const TIMEOUT = 60_000;

const [directory = "/aws", port = "24224"] = process.argv.slice(2);
const s3 = new ObjectStore(`${directory}/s3`);
const logs = new LogStore(`${directory}/cloudwatch-logs`);

const id = randomUUID();
const driver = await openLogDriver({
  address: { host: "127.0.0.1", port: Number(port) },
  containerName: "try",
  taskId: id,
});
for (const level of ["INFO", "ERROR"]) {
  driver.write(JSON.stringify({ level, msg: `${level} ${id}` }), "stdout");
}
console.log(`Sent an INFO and an ERROR with the id ${id}; S3 gets them within 12 s.`);
await driver.close(5_000);

const deadline = Date.now() + TIMEOUT;
let found = await search();
while ((!found.s3.includes("INFO") || !found.s3.includes("ERROR")) && Date.now() < deadline) {
  await sleep(500);
  found = await search();
}
const table = new Table({ head: ["", "S3", "CloudWatch Logs"], style: { head: [], border: [] } });
const mark = (texts: string, level: string) => (texts.includes(`${level} ${id}`) ? "yes" : "no");
for (const level of ["INFO", "ERROR"]) table.push([level, mark(found.s3, level), mark(found.logs, level)]);
console.log(`${table}`);
const asExpected =
  mark(found.s3, "INFO") + mark(found.s3, "ERROR") + mark(found.logs, "INFO") + mark(found.logs, "ERROR");
process.exitCode = asExpected === "yesyesnoyes" ? 0 : 1;

/** All that arrived and names the id. */
async function search(): Promise<{ s3: string; logs: string }> {
  const objects = await s3.listObjects(BUCKET, "");
  const bodies = await Promise.all(objects.map(async ({ key }) => gunzipSync(await s3.getObject(BUCKET, key))));
  const streams = (await logs.streams(ERROR_LOG_GROUP)).filter((stream) => stream.includes(id));
  const events = await Promise.all(streams.map((stream) => logs.events(ERROR_LOG_GROUP, stream)));
  const lines = bodies.flatMap((body) => body.toString().split("\n"));
  return {
    s3: lines.filter((line) => line.includes(id)).join("\n"),
    logs: events
      .flat()
      .map(({ message }) => message)
      .join("\n"),
  };
}
