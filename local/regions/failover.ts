/** The operator: runs the failover program, as `npm run failover` does. */
import { fileURLToPath } from "node:url";
import { startProcess } from "../machine/process.ts";
import { makeTemporaryDirectory } from "../machine/temporary-directory.ts";
import { typescriptProgram } from "../machine/typescript-program.ts";
import { writeOutputs } from "./outputs.ts";
import type { TwoRegions } from "./two-regions.ts";

interface FailoverOptions {
  readonly regions: Pick<TwoRegions, "home" | "standby">;
  /** The command, and its flags. */
  readonly parameters: readonly string[];
  readonly roleLeaseSeconds: number;
  /** Shows a line of what the program prints. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const PROGRAM = fileURLToPath(new URL("../../failover/main.ts", import.meta.url));
/** Nothing is read late on one machine, and there is one clock. */
export const FAST_FLAGS = ["--poll", "0.25", "--margin", "1"];
const STOP_TIMEOUT = 1_000;

/** @throws when it fails. */
export async function runFailover({
  regions,
  parameters,
  roleLeaseSeconds,
  say,
  signal,
}: FailoverOptions): Promise<void> {
  const directory = await makeTemporaryDirectory("efs-mount-autoscaling-operator-");
  const outputs = await writeOutputs(regions, { directory: directory.path, roleLeaseSeconds });
  const child = startProcess([...typescriptProgram(PROGRAM), ...outputs, ...FAST_FLAGS, ...parameters], {
    env: {
      AWS_ACCESS_KEY_ID: "OPERATOR",
      AWS_SECRET_ACCESS_KEY: "local",
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
