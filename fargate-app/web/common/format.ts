/** Numbers and times as people of a language write them. */
import type { Language } from "./language.ts";

export interface Format {
  /** With three digits at most where it is small: `0.12`, `4.5`, `1,234`. */
  number(value: number): string;
  whole(value: number): string;
  percent(share: number): string;
  milliseconds(value: number | undefined): string;
  megabytes(bytes: number): string;
  bytes(bytes: number): string;
  dollars(value: number): string;
  time(time: number): string;
  /** Day, hours and minutes. */
  dateTime(time: number): string;
  /** Hours and minutes. */
  shortTime(time: number): string;
  duration(milliseconds: number): string;
}

const NONE = "–";
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function formatOf(language: Language): Format {
  const rounded = (digits: number) => new Intl.NumberFormat(language, { maximumFractionDigits: digits });
  const [d0, d1, d2] = [rounded(0), rounded(1), rounded(2)];
  const number = (value: number) => (value >= 100 ? d0 : value >= 10 ? d1 : d2).format(value);
  const time = new Intl.DateTimeFormat(language, { ...CLOCK, second: "2-digit" });
  const shortTime = new Intl.DateTimeFormat(language, CLOCK);
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
  const dollars = new Intl.NumberFormat(language, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
  });
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  return {
    number,
    whole: d0.format,
    percent: percent.format,
    milliseconds: (value) => (value === undefined ? NONE : `${number(value)} ms`),
    megabytes: (bytes) => number(bytes / 1e6),
    bytes: (bytes) => {
      const unit = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
      return `${number(bytes / 1e3 ** unit)} ${UNITS[unit]}`;
    },
    dollars: (value) => (value > 0 && value < 0.01 ? `< ${dollars.format(0.01)}` : dollars.format(value)),
    time: time.format,
    dateTime: dateTime.format,
    shortTime: shortTime.format,
    duration: (milliseconds) => durationOf(milliseconds, language),
  };
}

const DURATIONS = [
  { unit: "day", seconds: 86_400 },
  { unit: "hour", seconds: 3_600 },
  { unit: "minute", seconds: 60 },
  { unit: "second", seconds: 1 },
] as const;

/** In its largest unit. */
function durationOf(milliseconds: number, language: Language): string {
  const seconds = Math.max(0, milliseconds / 1_000);
  const { unit, seconds: length } = DURATIONS.find((one) => seconds >= one.seconds) ?? { unit: "second", seconds: 1 };
  const value = Math.floor(seconds / length);
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
}
