/** How the demos write numbers. */

/** With commas: `12,345`. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** A share from 0 to 1: `33.3 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
