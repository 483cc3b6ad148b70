/** The operator: runs the failover program, as `npm run failover` does. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Location, OSAKA, TOKYO } from "../../account.ts";
import { startProcess } from "../../machine/process.ts";
import { makeTemporaryDirectory } from "../../machine/temporary-directory.ts";
import { typescriptProgram } from "../../machine/typescript-program.ts";
import type { Region } from "../../regions/region.ts";
import type { TwoRegions } from "../../regions/two-regions.ts";

interface FailoverOptions {
  readonly regions: Pick<TwoRegions, "home" | "standby">;
  /** The command, and its flags. */
  readonly parameters: readonly string[];
  readonly roleLeaseSeconds: number;
  /** Shows a line of what the program prints. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const PROGRAM = fileURLToPath(new URL("../../../failover/main.ts", import.meta.url));
const POLL_SECONDS = "0.25";
/** Nothing is read late on one machine, and there is one clock. */
const MARGIN_SECONDS = "1";
const STOP_TIMEOUT = 1_000;

/** @throws when it fails. */
export async function runFailover({
  regions: { home, standby },
  parameters,
  roleLeaseSeconds,
  say,
  signal,
}: FailoverOptions): Promise<void> {
  const directory = await makeTemporaryDirectory("efs-mount-autoscaling-operator-");
  const describe = async (name: string, region: Region, { region: awsRegion, fileSystemId }: Location) => {
    const path = join(directory.path, `${name}.json`);
    const outputs = { region: awsRegion, fileSystemId, url: region.url, roleLeaseSeconds, endpoint: region.awsUrl };
    await writeFile(path, JSON.stringify(outputs));
    return path;
  };
  const flags = [
    ["--home", await describe("home", home, TOKYO)],
    ["--standby", await describe("standby", standby, OSAKA)],
    ["--poll", POLL_SECONDS],
    ["--margin", MARGIN_SECONDS],
  ].flat();
  const child = startProcess([...typescriptProgram(PROGRAM), ...flags, ...parameters], {
    env: {
      AWS_ACCESS_KEY_ID: "OPERATOR",
      AWS_SECRET_ACCESS_KEY: "local",
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      TSX_DISABLE_CACHE: process.env.TSX_DISABLE_CACHE ?? "",
    },
    onLine: (line) => say(`  ${line}`),
  });
  const onAbort = () => void child.stop(STOP_TIMEOUT);
  signal.addEventListener("abort", onAbort);
  try {
    const { code } = await child.exited;
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`failover ${parameters.join(" ")} ended with exit status ${code}`);
  } finally {
    signal.removeEventListener("abort", onAbort);
    await directory.remove();
  }
}
