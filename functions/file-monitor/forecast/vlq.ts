/**
 * Whole numbers as text, five bits a character, small ones short: the variable-length quantities of source maps (ECMA-426),
 * for all safe integers.
 */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE = 32;
/** Added to every digit but the last one of a number. */
const MORE = 32;

/** Never negative, at most twice the largest safe integer and one. */
type Zigzag = bigint;

/** @param numbers safe integers. */
export function encodeNumbers(numbers: readonly number[]): string {
  return numbers.map(encodeNumber).join("");
}

/** @throws {RangeError} on text that {@link encodeNumbers} does not write. */
export function decodeNumbers(text: string): number[] {
  const numbers: number[] = [];
  let value: Zigzag = 0n;
  let scale = 1n;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    if (digit < 0) throw new RangeError(`${JSON.stringify(character)} is not a digit of a number`);
    value += BigInt(digit % BASE) * scale;
    scale *= BigInt(BASE);
    if (digit >= MORE) continue;
    numbers.push(fromZigzag(value));
    value = 0n;
    scale = 1n;
  }
  if (scale > 1n) throw new RangeError("The last number is cut off");
  return numbers;
}

function encodeNumber(number: number): string {
  let rest = toZigzag(number);
  let text = "";
  do {
    const digit = Number(rest % BigInt(BASE));
    rest /= BigInt(BASE);
    text += DIGITS[rest > 0n ? digit + MORE : digit];
  } while (rest > 0n);
  return text;
}

function toZigzag(number: number): Zigzag {
  return number < 0 ? BigInt(-number) * 2n + 1n : BigInt(number) * 2n;
}

function fromZigzag(value: Zigzag): number {
  const number = Number(value % 2n === 1n ? -(value / 2n) : value / 2n);
  if (!Number.isSafeInteger(number)) throw new RangeError("The number is too large");
  return number;
}
