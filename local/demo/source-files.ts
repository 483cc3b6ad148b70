/** Which files of a directory a demo takes. */
import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { access, constants, readdir, stat } from "node:fs/promises";
import { count } from "./figures.ts";

export interface SourceFile {
  /** Below the source directory, with `/` between the names. */
  readonly path: string;
  readonly bytes: number;
}

export interface Selection {
  readonly files: readonly SourceFile[];
  /** How many files the source has in all, as far as it could be read. */
  readonly available: number;
  /** The entries that were passed over, each with the reason. */
  readonly passedOver: readonly string[];
}

interface SelectionLimits {
  readonly maxFiles: number;
  /** Larger files are left out: a few of them would decide which mount target has most to do. */
  readonly maxFileBytes: number;
}

/** With fewer files, an unfair share of a mount target could be chance. */
export const MIN_FILES = 2_000;

/** A few large files would decide which mount target has most to do. */
const MAX_FILE_BYTES = 128 * 1024;

/** The source itself can't be read, or has too few files. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** Chooses as many files as a demo may take. @throws {SourceError} when there are fewer than {@link MIN_FILES}. */
export async function chooseFiles(directory: string, maxFiles: number): Promise<Selection> {
  const selection = await selectFiles(directory, { maxFiles, maxFileBytes: MAX_FILE_BYTES });
  if (selection.files.length >= MIN_FILES) return selection;
  throw new SourceError(
    `${directory} has ${count(selection.files.length)} files of at most 128 KiB; the demo needs ${count(MIN_FILES)}${describePassedOver(selection)}`,
  );
}

/** What is taken, in a line, and what is not, in further ones. */
export function describeSelection(directory: string, selection: Selection, threshold: number): string {
  const { files, available } = selection;
  const megabytes = totalBytes(files) / 1e6;
  const taken = `Taking ${count(files.length)} of the ${count(available)} files in ${directory}, ${megabytes.toFixed(1)} MB`;
  return `${taken}; the threshold is ${count(threshold)} files${describePassedOver(selection)}`;
}

/** Entries that are named. */
const MAX_NAMED = 5;

/** Lines to add; none where nothing was passed over. */
function describePassedOver({ passedOver }: Selection): string {
  if (passedOver.length === 0) return "";
  const named = passedOver.slice(0, MAX_NAMED).map((entry) => `\n  ${entry}`);
  const others = passedOver.length - named.length;
  const rest = others > 0 ? `\n  and ${count(others)} more` : "";
  const all = passedOver.length === 1 ? "1 entry is" : `${count(passedOver.length)} entries are`;
  return `\n${all} passed over:${named.join("")}${rest}`;
}

export function totalBytes(files: readonly SourceFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Chooses regular files below `directory`, evenly over the whole tree and always the same ones for the same tree.
 * Symbolic links are not followed; names that begin with a dot are left out, as caches that change are. What can't be
 * read, or whose name is not UTF-8, is passed over.
 *
 * @throws {SourceError} when `directory` itself can't be read.
 */
export async function selectFiles(directory: string, { maxFiles, maxFileBytes }: SelectionLimits): Promise<Selection> {
  const source = new Source(directory);
  const paths = (await source.files()).sort();
  const files: SourceFile[] = [];
  for (const path of paths) {
    const bytes = await source.sizeOf(path);
    if (bytes !== undefined && bytes <= maxFileBytes) files.push({ path, bytes });
  }
  return { files: evenly(files, maxFiles), available: paths.length, passedOver: source.passedOver };
}

class Source {
  readonly passedOver: string[] = [];
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The paths of all regular files. */
  async files(): Promise<string[]> {
    const files: string[] = [];
    const pending = [""];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      for (const entry of await this.#list(path)) {
        if (!isUtf8(entry.name)) {
          this.passedOver.push(`${path}${percentEncoded(entry.name)}: its name is not UTF-8`);
          continue;
        }
        const name = entry.name.toString();
        if (name.startsWith(".")) continue;
        if (entry.isDirectory()) pending.push(`${path}${name}/`);
        else if (entry.isFile()) files.push(path + name);
      }
    }
    return files;
  }

  /** Undefined where the file can't be read. */
  async sizeOf(path: string): Promise<number | undefined> {
    try {
      const absolute = `${this.#directory}/${path}`;
      await access(absolute, constants.R_OK);
      return (await stat(absolute)).size;
    } catch (error) {
      this.#passOver(path, error);
      return undefined;
    }
  }

  async #list(path: string): Promise<Dirent<Buffer>[]> {
    try {
      return await readdir(`${this.#directory}/${path}`, { withFileTypes: true, encoding: "buffer" });
    } catch (error) {
      if (path === "") throw new SourceError(`${this.#directory} can't be read: ${reasonOf(error)}`, { cause: error });
      this.#passOver(path, error);
      return [];
    }
  }

  #passOver(path: string, error: unknown): void {
    this.passedOver.push(`${path}: ${reasonOf(error)}`);
  }
}

function percentEncoded(name: Buffer): string {
  return name
    .toString("latin1")
    .replace(/[^!-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** At most `count` items, the first one of each of as many equal parts. */
export function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)]).filter(
    (item) => item !== undefined,
  );
}
