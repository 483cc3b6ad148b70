/** The checkers that nobody here wrote, as `.ci/run` installs them. */
import { spawn, spawnSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { type Command, findOnPath, type Requirement } from "../support/programs.ts";

/** Older versions know fewer rules, and older resource types. */
const OLDEST_CFN_LINT = [1, 58];

export const cfnLint: Requirement = {
  name: `cfn-lint ${OLDEST_CFN_LINT.join(".")} or newer`,
  howToGet: "pip install 'cfn-lint>=1.58'",
  installedByCi: true,
  find: () => {
    const command = findOnPath("cfn-lint");
    if (command === undefined) return undefined;
    const [, major, minor] = /(\d+)\.(\d+)\.\d+/.exec(spawnSync(command[0], ["--version"]).stdout.toString()) ?? [];
    const [oldestMajor = 0, oldestMinor = 0] = OLDEST_CFN_LINT;
    const isNewEnough = Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor);
    return isNewEnough ? command : undefined;
  },
};

export const motoAndBotocore: Requirement = {
  name: "Python with botocore, moto and regex",
  howToGet: "pip install 'moto[server]' regex",
  installedByCi: true,
  find: () => {
    const python = findOnPath("python3");
    const has = python && spawnSync(python[0], ["-c", "import boto3, moto, regex"]).status === 0;
    return has ? python : undefined;
  },
};

/**
 * Runs a program to its end.
 *
 * @param input what it reads from its standard input.
 */
export async function run(
  [program, ...leading]: Command,
  args: readonly string[],
  input = "",
): Promise<{ readonly output: string; readonly errors: string; readonly code: number | null }> {
  const child = spawn(program, [...leading, ...args]);
  child.stdin.end(input);
  const code = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { output, errors, code: await code };
}
