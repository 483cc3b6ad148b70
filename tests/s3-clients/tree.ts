/** A tree of files that is hard on clients, and how two trees are compared. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { LARGE_BYTES, OBJECTS } from "./sizes.ts";

/** What URLs, XML, shells or file systems have a meaning for, or spell in several ways. */
export const ODD_NAMES = [
  "a b",
  " leading and trailing ",
  "a+b",
  "100%",
  "%41",
  "percent/%2F",
  "#hash?query=1",
  "$dollar=:@",
  "&<>",
  "quote'\"",
  "back\\slash",
  "semi;colon,comma",
  "`tick`|pipe^{}",
  "*.star",
  "[brackets]",
  "(parens)!",
  "~tilde",
  "-dash",
  ".hidden",
  "deep/a/b/c/d",
  "日本語/表.txt",
  "😀",
  "caf\u00e9",
  "cafe\u0301",
  "x".repeat(255),
];

/** XML 1.0 has no first one. */
export const CONTROL_NAMES = ["new\nline", "tab\t", "\x01control"];

/** @param names Files besides, each with its name as its content. */
export async function writeTree(
  directory: string,
  names: readonly string[],
  { objects = OBJECTS } = {},
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "empty"), "");
  await writeLarge(join(directory, "large"));
  const many = Array.from({ length: objects }, (_, number) => `many/${number % 10}/${number}`);
  for (const name of [...names, ...many]) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, name);
  }
}

/** Mostly holes. What there is tells where it belongs. */
async function writeLarge(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.truncate(LARGE_BYTES);
    const step = Math.floor(LARGE_BYTES / 50);
    for (let position = 0; position < LARGE_BYTES; position += step) await file.write(`${position}\n`, position);
  } finally {
    await file.close();
  }
}

/** The files below a directory, by their paths: the SHA-256 of each. */
export async function contentsOf(directory: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const contents: [string, string][] = [];
  for (const path of files.sort()) contents.push([relative(directory, path), await sha256Of(path)]);
  return Object.fromEntries(contents);
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
