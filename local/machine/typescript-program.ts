/** How to run a TypeScript file of this project in a process of its own. */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** The command that runs the file; its parameters may follow. */
export function typescriptProgram(path: string): string[] {
  return [process.execPath, "--import", loader, path];
}
