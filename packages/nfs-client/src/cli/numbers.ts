/** Numbers in options. JavaScript reads many more texts as numbers, and makes 0 of none. */
import { UsageError } from "./location.ts";

/** @throws {UsageError} */
export function wholeNumber(name: string, text: string, max: number, min = 0): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`--${name} is a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

/** As {@link wholeNumber}, without 0. */
export function positiveNumber(name: string, text: string, max: number): number {
  return wholeNumber(name, text, max, 1);
}
