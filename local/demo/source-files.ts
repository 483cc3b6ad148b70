/** Which files of a directory the demo takes. */
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

export interface SourceFile {
  /** Below the source directory, with `/` between the names. */
  readonly path: string;
  readonly bytes: number;
}

export interface Selection {
  readonly files: readonly SourceFile[];
  /** How many files the source has in all. */
  readonly available: number;
}

interface SelectionLimits {
  readonly maxFiles: number;
  /** Larger files are left out: a few of them would decide which mount target has most to do. */
  readonly maxFileBytes: number;
}

/**
 * Chooses regular files below `directory`, evenly over the whole tree and always the same ones for the same tree.
 * Symbolic links are not followed; names that begin with a dot are left out, as caches that change are.
 */
export async function selectFiles(directory: string, { maxFiles, maxFileBytes }: SelectionLimits): Promise<Selection> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.split("/").some((name) => name.startsWith(".")))
    .sort();
  const files: SourceFile[] = [];
  for (const path of paths) {
    const { size } = await stat(join(directory, path));
    if (size <= maxFileBytes) files.push({ path, bytes: size });
  }
  return { files: evenly(files, maxFiles), available: paths.length };
}

/** At most `count` items, the first one of each of as many equal parts. */
export function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, index) => items[Math.floor((index * items.length) / count)]).filter(
    (item) => item !== undefined,
  );
}
