/** Programs that measure in a process of their own, and print what they found as one line of JSON. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { z } from "zod";
import type { Bench } from "./row.ts";

/** Bundles a TypeScript program below this folder, so that Node runs it as it is and no compiler is measured with it. */
export async function bundleProgram(path: string): Promise<string> {
  const outfile = fileURLToPath(new URL(`../dist/bench/${path.replace(/\.ts$/, ".mjs")}`, import.meta.url));
  await build({
    entryPoints: [fileURLToPath(new URL(path, import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    // What comes as CommonJS asks for Node's own modules so.
    banner: { js: 'import { createRequire as from } from "node:module"; const require = from(import.meta.url);' },
    logLevel: "warning",
  });
  return outfile;
}

/**
 * Runs a command to its end.
 *
 * @param schema what it prints.
 */
export async function runProgram<Output>(
  { signal }: Pick<Bench, "signal">,
  schema: z.ZodType<Output>,
  [program, ...parameters]: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>> = {},
): Promise<Output> {
  const env = { ...process.env, ...environment };
  const { stdout } = await promisify(execFile)(program, parameters, { env, signal });
  return schema.parse(JSON.parse(stdout));
}
