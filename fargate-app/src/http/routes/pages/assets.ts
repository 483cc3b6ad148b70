/** The scripts and style sheets of the pages, which the build puts beside the router's bundle. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** As it is, and compressed. */
export interface PageAsset {
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

/** By their file's name, such as `status.js`. */
export type PageAssets = ReadonlyMap<string, PageAsset>;

/** @param directory has nothing but these files. */
export async function loadPageAssets(directory: string): Promise<PageAssets> {
  const names = await readdir(directory);
  const load = async (name: string) => [name, await asset(join(directory, name))] as const;
  return new Map(await Promise.all(names.map(load)));
}

async function asset(path: string): Promise<PageAsset> {
  const plain = await readFile(path);
  return { plain, gzipped: await promisify(gzip)(plain) };
}
