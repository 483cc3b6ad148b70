/**
 * Suites that need a program `npm ci` does not bring.
 *
 * Where the program is missing, the suite is skipped and says what is missing and how to get it. In CI a missing
 * Debian package is a failure instead: `.ci/run` installs those, so a skip there would hide a broken install step.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, test } from "vitest";

/** A program a suite starts. */
export type Requirement = {
  readonly name: string;
  /** What to type or where to go, as a sentence without its full stop. */
  readonly howToGet: string;
  /** Missing in CI: a failure, not a skip. */
  readonly installedByCi: boolean;
  /** The command that starts the program, ready for `spawn`; undefined where it is missing. */
  readonly find: () => Command | undefined;
};

/** A program and the arguments that come before a suite's own. */
export type Command = readonly [program: string, ...leadingArguments: string[]];

/** A program from a Debian package, by the name of its executable. */
export function debianProgram(program: string, ...packages: readonly string[]): Requirement {
  return {
    name: program,
    howToGet: `apt-get install ${packages.join(" ")}`,
    installedByCi: true,
    find: () => findOnPath(program),
  };
}

/** A program from anywhere else. */
export function program(name: string, howToGet: string): Requirement {
  return { name, howToGet, installedByCi: false, find: () => findOnPath(name) };
}

/** Where `name` is on the PATH, or in the sbin folders that a user's PATH often lacks. */
export function findOnPath(name: string): Command | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return [path];
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

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
