/** What the stacks of two local regions put out, as `pulumi stack output --json` prints it, in files. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Location, OSAKA, TOKYO } from "../account.ts";
import type { Region } from "./region.ts";

/** The paths of the files, which are in one folder. */
export interface Outputs {
  readonly home: string;
  readonly standby: string;
}

interface Deployed {
  readonly home: Region;
  readonly standby: Region;
  /** An existing folder. */
  readonly directory: string;
  readonly roleLeaseSeconds: number;
}

export async function writeOutputs({ home, standby, directory, roleLeaseSeconds }: Deployed): Promise<Outputs> {
  const write = async (name: string, { url, awsUrl }: Region, { region, fileSystemId }: Location) => {
    const path = join(directory, `${name}.json`);
    await writeFile(path, JSON.stringify({ region, fileSystemId, url, roleLeaseSeconds, endpoint: awsUrl }));
    return path;
  };
  return { home: await write("tokyo", home, TOKYO), standby: await write("osaka", standby, OSAKA) };
}
