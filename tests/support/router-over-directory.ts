/** The router's bundle over a directory that a server of this machine serves. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNfsServer } from "./nfs.ts";
import { type StandaloneRouter, startStandaloneRouter } from "./standalone-router.ts";

export interface RouterOverDirectory {
  readonly router: StandaloneRouter;
  /** What the router serves, as another NFS client sees it. */
  readonly directory: string;
  /** Ends all of it, and removes the directory. */
  close(): Promise<void>;
}

/** Options as {@link startStandaloneRouter} has them. */
export async function startRouterOverDirectory(
  environment: Record<string, string> = {},
  prepare?: Parameters<typeof startStandaloneRouter>[2],
): Promise<RouterOverDirectory> {
  const root = await mkdtemp(join(tmpdir(), "router-"));
  const directory = join(root, "data");
  await mkdir(directory);
  // No suite looks at what a crash would leave.
  const server = await startNfsServer({ directory: root, durable: false });
  const router = await startStandaloneRouter([server], environment, prepare);
  const close = async () => {
    await router.close();
    await server.close();
    await rm(root, { recursive: true, force: true });
  };
  return { router, directory, close };
}
