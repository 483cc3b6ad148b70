/**
 * Suites that need a program `npm ci` does not bring.
 *
 * Where the program is missing, the suite is skipped and says what is missing and how to get it. In CI it is a failure
 * instead to miss what `.ci/run` installs: a skip there would hide a broken install step.
 */
import { describe, test } from "vitest";
import type { Command, Requirement } from "./programs.ts";

/**
 * `describe` for a suite that needs programs: it receives the command of each, in order.
 *
 * @example
 * const ganesha = debianProgram("ganesha.nfsd", "nfs-ganesha", "nfs-ganesha-vfs");
 * describeRequiring([ganesha], "client against nfs-ganesha", ([ganeshaCommand]) => { test(…) });
 */
export function describeRequiring<const Requirements extends readonly Requirement[]>(
  requirements: Requirements,
  name: string,
  suite: (commands: { [Index in keyof Requirements]: Command }) => void,
): void {
  const commands: Command[] = [];
  const missing: Requirement[] = [];
  for (const requirement of requirements) {
    const command = requirement.find();
    if (command) commands.push(command);
    else missing.push(requirement);
  }
  if (missing.length === 0) {
    describe(name, () => suite(commands as { [Index in keyof Requirements]: Command }));
    return;
  }
  const reason = missing.map(({ name, howToGet }) => `${name} is missing (${howToGet})`).join("; ");
  if (process.env.CI && missing.some(({ installedByCi }) => installedByCi)) {
    test(name, () => {
      throw new Error(`CI must have what this suite needs: ${reason}`);
    });
    return;
  }
  console.warn(`Skipped: ${name}: ${reason}`);
  test.skip(`${name}: ${reason}`);
}
