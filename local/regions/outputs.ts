/** What the stacks of two local regions put out, as `pulumi stack output --json` prints it, in files. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { OSAKA, TOKYO } from "../account.ts";
import type { TwoRegions } from "./two-regions.ts";

/** Writes them. @returns the flags that name them to the failover program. */
export async function writeOutputs(
  { home, standby }: Pick<TwoRegions, "home" | "standby">,
  { directory, roleLeaseSeconds }: { readonly directory: string; readonly roleLeaseSeconds: number },
): Promise<string[]> {
  const write = async (name: string, { url, awsUrl }: TwoRegions["home"], { region, fileSystemId }: typeof TOKYO) => {
    const path = join(directory, `${name}.json`);
    await writeFile(path, JSON.stringify({ region, fileSystemId, url, roleLeaseSeconds, endpoint: awsUrl }));
    return path;
  };
  return ["--home", await write("tokyo", home, TOKYO), "--standby", await write("osaka", standby, OSAKA)];
}
