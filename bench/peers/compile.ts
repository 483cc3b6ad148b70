/** The peers that are written in C, compiled on this machine. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { debianProgram } from "../../tests/support/programs.ts";
import type { Bench } from "../row.ts";

const compiler = debianProgram("gcc", "gcc", "libc6-dev");

/**
 * Compiles a file of this folder; the program is gone when the row is over.
 *
 * @param libraries the linker's names of those it needs. The file says with `#error` how to get one that is missing.
 * @returns the program's path; undefined when something is missing, which is noted.
 */
export async function compilePeer(
  { cleanups, note, signal }: Pick<Bench, "cleanups" | "note" | "signal">,
  file: string,
  ...libraries: readonly string[]
): Promise<string | undefined> {
  const command = compiler.find();
  if (command === undefined) {
    note(`${file} cannot be compiled: ${compiler.name} is missing (${compiler.howToGet}).`);
    return undefined;
  }
  const directory = await makeTemporaryDirectory("bench-peer-");
  cleanups.add(() => directory.remove());
  const source = fileURLToPath(new URL(file, import.meta.url));
  const program = join(directory.path, "program");
  const [gcc, ...parameters] = [...command, "-O2", "-o", program, source, ...libraries.map((name) => `-l${name}`)];
  try {
    await promisify(execFile)(gcc, parameters, { signal });
    return program;
  } catch (error) {
    const missing = error instanceof Error ? /#error (.+)/.exec(error.message)?.[1] : undefined;
    if (missing === undefined) throw error;
    note(`${file} cannot be compiled: ${missing}.`);
    return undefined;
  }
}
