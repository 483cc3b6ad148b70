/** The operator: runs the failover program, as `npm run failover` does. */
import { fileURLToPath } from "node:url";
import { startProcess } from "../machine/process.ts";
import { typescriptProgram } from "../machine/typescript-program.ts";
import type { Outputs } from "./outputs.ts";

interface FailoverOptions {
  readonly outputs: Outputs;
  /** The command, and its flags. */
  readonly parameters: readonly string[];
  /** Shows a line of what the program prints. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const PROGRAM = fileURLToPath(new URL("../../failover/main.ts", import.meta.url));
const STOP_TIMEOUT = 1_000;

/** Of the failover program here: nothing is read late on one machine, and there is one clock. */
export function flagsOf({ home, standby }: Outputs): string[] {
  return ["--home", home, "--standby", standby, "--poll", "0.25", "--margin", "1"];
}

/** @throws when it fails. */
export async function runFailover({ outputs, parameters, say, signal }: FailoverOptions): Promise<void> {
  const child = startProcess([...typescriptProgram(PROGRAM), ...flagsOf(outputs), ...parameters], {
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
  }
}
