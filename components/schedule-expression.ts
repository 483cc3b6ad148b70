/**
 * The schedule expressions of EventBridge rules. Nothing checks them before EventBridge does, in the middle of a
 * deployment.
 *
 * Source: EventBridge user guide, "Setting a schedule pattern for scheduled rules".
 */

/** A field of a cron expression: the numbers it takes, their names, and what else it takes. */
interface Field {
  readonly min: number;
  readonly max: number;
  /** The names of the numbers from `min` on. */
  readonly names?: readonly string[];
  readonly special?: RegExp;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31, special: /^(\?|L|LW|([1-9]|[12]\d|3[01])W)$/ },
  { min: 1, max: 12, names: MONTHS },
  { min: 1, max: 7, names: DAYS, special: new RegExp(`^(\\?|L|([1-7]|${DAYS.join("|")})(L|#[1-5]))$`) },
  { min: 1970, max: 2199 },
];

const MINUTES: Readonly<Record<string, number>> = { minute: 1, hour: 60, day: 24 * 60 };

/** Whether a text is a rate such as `rate(5 minutes)`, or a cron expression such as `cron(0/5 * * * ? *)`. */
export function isScheduleExpression(text: string): boolean {
  if (/^rate\((1 (minute|hour|day)|(?!0|1 )\d+ (minutes|hours|days))\)$/.test(text)) return true;
  const fields = /^cron\((.*)\)$/.exec(text)?.[1]?.split(" ") ?? [];
  const [, , dayOfMonth, , dayOfWeek] = fields;
  return (
    fields.length === FIELDS.length &&
    FIELDS.every((field, index) => isList(fields[index] ?? "", field)) &&
    // A day is said in one of the two, and the other is a question mark.
    (dayOfMonth === "?") !== (dayOfWeek === "?")
  );
}

/** Minutes from one run to the next, at most. A cron expression that leaves days out may pause for any time. */
export function longestPauseMinutes(schedule: string): number {
  const [, count, unit = ""] = /^rate\((\d+) ([a-z]+?)s?\)$/.exec(schedule) ?? [];
  const unitMinutes = MINUTES[unit];
  if (unitMinutes !== undefined) return Number(count) * unitMinutes;
  const [, hours, dayOfMonth, month, dayOfWeek, year] = schedule.replace(/^cron\(|\)$/g, "").split(" ");
  const isEveryDay = month === "*" && year === "*" && (dayOfMonth === "*" || dayOfWeek === "*");
  if (!isEveryDay) return Number.POSITIVE_INFINITY;
  return hours === "*" ? 60 : 24 * 60;
}

function isList(text: string, field: Field): boolean {
  return field.special?.test(text) || text.split(",").every((item) => isItem(item, field));
}

/** A value, a range or all, with an increment or without: `5`, `1-5`, `*`, `0/5`. */
function isItem(text: string, field: Field): boolean {
  const [, first = "", last, increment] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(text) ?? [];
  return (
    (first === "*" ? last === undefined : isValue(first, field)) &&
    (last === undefined || isValue(last, field)) &&
    (increment === undefined || Number(increment) > 0)
  );
}

function isValue(text: string, { min, max, names = [] }: Field): boolean {
  if (names.includes(text)) return true;
  return /^\d{1,4}$/.test(text) && Number(text) >= min && Number(text) <= max;
}
