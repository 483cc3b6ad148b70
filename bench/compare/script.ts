/** The program that the task runs, as one text. */
import { build } from "esbuild";
import type { Workload } from "./workload.ts";

export interface Settings extends Workload {
  /** Where the file system is mounted. */
  readonly mountPath: string;
  /** The router. Example: `http://127.0.0.1:8000`. */
  readonly url: string;
  /** What is made, and removed in the end: the same directory below the mount and in the router's API. */
  readonly directory: string;
  /** Milliseconds after which it gives up. */
  readonly timeLimit: number;
}

/** ECS allows 64 KiB for a whole task definition. */
const MAX_BYTES = 32 * 1024;

/**
 * @returns a module for Node.js, which needs no other file.
 * @throws when it has grown too large for a task definition.
 */
export async function measuringScript(settings: Settings): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ["bench/compare/measure/main.ts"],
    define: { SETTINGS: JSON.stringify(settings) },
    bundle: true,
    minify: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
  });
  const script = outputFiles[0]?.text ?? "";
  if (script.length > MAX_BYTES) throw new Error(`The script has ${script.length} bytes: more than ${MAX_BYTES}`);
  return script;
}
