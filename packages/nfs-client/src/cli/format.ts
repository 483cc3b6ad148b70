/** Values as people read them. */
import type { FileAttributes } from "../wire/operations/attributes.ts";

/** The years 0 to 9999, which are written with four digits. */
const FIRST_TIME = Date.UTC(-1, 12);
const LAST_TIME = Date.UTC(10_000, 0) - 1;

/** `2026-01-31T12:00:00.000Z`; a time beyond the years of dates is its seconds since 1970, as `date --date` takes them. */
export function formatTime(milliseconds: number): string {
  if (milliseconds < FIRST_TIME || milliseconds > LAST_TIME) return `@${Math.floor(milliseconds / 1000)}`;
  return new Date(milliseconds).toISOString();
}

export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** Type, mode, size and time, in columns. */
export function formatAttributes({ type, mode, size, modifiedAt }: FileAttributes): string {
  const kind = type === "directory" ? "d" : type === "symbolic-link" ? "l" : "-";
  const time = formatTime(modifiedAt);
  const modified = time.startsWith("@") ? time.padEnd(19) : time.slice(0, 19).replace("T", " ");
  return `${kind}${formatMode(mode)} ${String(size).padStart(12)} ${modified}`;
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return count.toLocaleString("en");
}

/** `12.3 MiB` */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** Rows of cells in columns, the first one to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)));
  return rows.map((row) => `${line(row).join("  ").trimEnd()}\n`).join("");
}
