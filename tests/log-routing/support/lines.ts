/** Random lines of a container, and what should become of them. */
import fc from "fast-check";
import type { LogRecord } from "./log-routing.ts";

export interface LogLine {
  readonly text: string;
  /** What the line says, if it is a JSON object. */
  readonly json?: LogRecord;
}

/** The log router's own names, and one that plain JavaScript objects cannot have as their own. */
const RESERVED = /^(?:timestamp|container_id|container_name|source|ecs_.*|firelens_.*|log|level|id|__proto__)$/;

const string = fc.string({ unit: "binary", maxLength: 20 });

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    string,
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(string, tie("value"), { maxKeys: 3 }),
  ),
}));

const level = fc.constantFrom(
  ...["ERROR", "CRITICAL", "FATAL", "error", "Critical", "INFO", "WARN", "warning", "50"],
  ...[10, 30, 40, 50, 60, 505],
  ...[null, undefined, { name: "ERROR" }],
);

const jsonLine = fc
  .record({
    level,
    rest: fc.dictionary(
      string.filter((key) => !RESERVED.test(key)),
      json.value,
      { maxKeys: 5 },
    ),
  })
  .map(({ level, rest }) => ({ ...(level === undefined ? {} : { level }), ...rest }));

/** Lines, each with an `id` of its own. */
export const logLines: fc.Arbitrary<LogLine[]> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: jsonLine.map((object) => (id: number) => whole({ ...object, id })) },
      { weight: 1, arbitrary: string.map((text) => (id: number) => ({ text: `${id} ${text}` })) },
      {
        weight: 1,
        arbitrary: fc.tuple(jsonLine, fc.double({ min: 0, max: 1, noNaN: true })).map(
          ([object, share]) =>
            (id: number) =>
              cut({ id, ...object }, share),
        ),
      },
    ),
    { minLength: 300, maxLength: 400 },
  )
  .map((lines) => lines.map((line, id) => line(id)));

function whole(json: LogRecord): LogLine {
  return { text: JSON.stringify(json), json };
}

/** A JSON object that lacks its end. */
function cut(json: LogRecord, share: number): LogLine {
  const characters = [...JSON.stringify(json)];
  return { text: characters.slice(0, Math.max(1, Math.floor(share * (characters.length - 1)))).join("") };
}

/** The record that a line becomes, without what the router adds. */
export function expectedRecord({ text, json }: LogLine): LogRecord {
  return json ?? { log: text };
}

/** Whether the line belongs in CloudWatch Logs. */
export function isError({ json }: LogLine): boolean {
  const level = json?.level;
  return typeof level === "string"
    ? ["ERROR", "CRITICAL", "FATAL"].includes(level.toUpperCase())
    : level === 50 || level === 60;
}
