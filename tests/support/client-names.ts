import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";

/** What routers keep for their status page, beside the files of clients. */
const STATUS_DIRECTORY = ".nfs-tmp-status";

/** The names in a directory, but for what is the routers' own; none where there is no such directory. */
export async function clientNames(
  directory: string,
  options: { readonly recursive?: boolean } = {},
): Promise<string[]> {
  if (!existsSync(directory)) return [];
  const names = await readdir(directory, { ...options, encoding: "utf8" });
  return names.filter((name) => !name.split("/").includes(STATUS_DIRECTORY));
}
