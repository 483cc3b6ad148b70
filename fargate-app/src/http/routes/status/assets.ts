/** The files that the status page needs, which the build puts beside the router's bundle. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** As they are, and compressed. */
export interface StatusAsset {
  readonly plain: Buffer;
  readonly gzipped: Buffer;
}

export interface StatusAssets {
  readonly script: StatusAsset;
  readonly css: StatusAsset;
}

/** @param directory where `page.js` and `page.css` are. */
export async function loadStatusAssets(directory: string): Promise<StatusAssets> {
  const [script, css] = await Promise.all([asset(join(directory, "page.js")), asset(join(directory, "page.css"))]);
  return { script, css };
}

async function asset(path: string): Promise<StatusAsset> {
  const plain = await readFile(path);
  return { plain, gzipped: await promisify(gzip)(plain) };
}
