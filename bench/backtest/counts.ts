/** Reads counts over time, from lines of `ISO time,count` or from an export of CloudWatch. */
import * as z from "zod";
import type { Count } from "../../functions/file-monitor/forecast/history.ts";

/** Input that is not of either form; the message names the line. */
export class CountsError extends Error {
  override readonly name = "CountsError";
}

/** @returns at least two counts, in the order of their times. @throws {CountsError} */
export function parseCounts(text: string): Count[] {
  const counts = /^\s*[{[]/.test(text) ? parseExport(text) : parseLines(text);
  if (counts.length < 2) throw new CountsError(`A backtest needs at least two counts, and there are ${counts.length}`);
  return counts;
}

const HEADER = /^\uFEFF?\s*"?(time|timestamp|date)/i;
const TIME = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

function parseLines(text: string): Count[] {
  const counts: Count[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "" || (index === 0 && HEADER.test(line))) return;
    const count = parseLine(line, index + 1);
    const before = counts.at(-1);
    if (before !== undefined && before.time >= count.time) {
      throw new CountsError(`Line ${index + 1}: the time is not later than that of the line before`);
    }
    counts.push(count);
  });
  return counts;
}

function parseLine(line: string, number: number): Count {
  const fields = line.split(",").map((field) => field.trim().replace(/^"(.*)"$/, "$1"));
  const [time, files] = fields;
  if (time === undefined || files === undefined || fields.length > 2) {
    throw new CountsError(
      `Line ${number} is ${JSON.stringify(line)} but must be a time and a count, like 2026-01-31T09:00Z,1234`,
    );
  }
  // Without a time zone a time is UTC, wherever the backtest runs.
  const parsed = TIME.test(time)
    ? Date.parse(/(Z|[+-]\d\d:?\d\d)$|^[\d-]+$/.test(time) ? time : `${time}Z`)
    : Number.NaN;
  if (Number.isNaN(parsed)) {
    throw new CountsError(`Line ${number}: ${JSON.stringify(time)} must be a time in ISO 8601, like 2026-01-31T09:00Z`);
  }
  const count = /^\d+(\.\d+)?([eE]\+?\d+)?$/.test(files) ? Math.floor(Number(files)) : Number.NaN;
  if (!Number.isSafeInteger(count)) {
    throw new CountsError(`Line ${number}: ${JSON.stringify(files)} must be a number of files, 0 or more`);
  }
  return { time: parsed, files: count };
}

const time = z
  .union([z.number().transform((seconds) => seconds * 1000), z.string().transform((text) => Date.parse(text))])
  .pipe(z.number("a time"));
const files = z.number().nonnegative().transform(Math.floor);

/** `aws cloudwatch get-metric-data`. */
const metricDataSchema = z
  .object({ MetricDataResults: z.array(z.object({ Timestamps: z.array(time), Values: z.array(files) })).min(1) })
  .transform(({ MetricDataResults: [result] }) =>
    (result?.Timestamps ?? []).flatMap((time, index) => {
      const files = result?.Values[index];
      return files === undefined ? [] : [{ time, files }];
    }),
  );

/** `aws cloudwatch get-metric-statistics`. */
const metricStatisticsSchema = z
  .object({
    Datapoints: z.array(
      z.object({ Timestamp: time, Maximum: files.optional(), Average: files.optional(), Minimum: files.optional() }),
    ),
  })
  .transform(({ Datapoints }) =>
    Datapoints.flatMap(({ Timestamp, Maximum, Average, Minimum }) => {
      const files = Maximum ?? Average ?? Minimum;
      return files === undefined ? [] : [{ time: Timestamp, files }];
    }),
  );

function parseExport(text: string): Count[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1];
    const line = position === undefined ? text.split("\n").length : text.slice(0, Number(position)).split("\n").length;
    throw new CountsError(`Line ${line}: this is not valid JSON`, { cause: error });
  }
  const parsed = z.union([metricDataSchema, metricStatisticsSchema]).safeParse(document);
  if (!parsed.success) {
    throw new CountsError(
      "Line 1: this JSON must be what `aws cloudwatch get-metric-data` or `get-metric-statistics` (Maximum, Average or Minimum) prints",
      { cause: parsed.error },
    );
  }
  // CloudWatch gives the newest first, or no order at all.
  const sorted = parsed.data.toSorted((a, b) => a.time - b.time);
  return sorted.filter(({ time }, index) => time !== sorted[index - 1]?.time);
}
