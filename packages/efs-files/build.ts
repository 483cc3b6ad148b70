/**
 * Builds the package as it is published: JavaScript with the private packages of this repository in it, and the types of
 * what it exports, which name none of them.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ROUTING_STRATEGIES } from "@efs-mount-autoscaling/routed-files";
import { build } from "esbuild";
import ts from "typescript";
import manifest from "./package.json" with { type: "json" };

const ENTRIES = ["index.ts", "embedded/index.ts"];
const FOLDER = import.meta.dirname;
const SOURCE = join(FOLDER, "src");
const OUTPUT = join(FOLDER, "dist");

/** What whoever installs the package has. */
const INSTALLED = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

/** A type of a private package that the published ones name: it is written out there. */
const ROUTING_STRATEGY = {
  imported: 'import type { RoutingStrategy } from "@efs-mount-autoscaling/routed-files";',
  writtenOut: `type RoutingStrategy = ${ROUTING_STRATEGIES.map((name) => JSON.stringify(name)).join(" | ")};`,
};

await rm(OUTPUT, { recursive: true, force: true });
await build({
  entryPoints: ENTRIES.map((entry) => join(SOURCE, entry)),
  outbase: SOURCE,
  outdir: OUTPUT,
  bundle: true,
  // What both entries have, such as the class of the errors, is there once.
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  sourcemap: true,
  external: INSTALLED,
  logLevel: "warning",
});
await declare(ENTRIES);

/** Writes the types of each file, and of those that it imports them from. */
async function declare(files: string[]): Promise<void> {
  const seen = new Set(files);
  for (const file of seen) {
    const { text, imports } = declarationOf(file, await readFile(join(SOURCE, file), "utf8"));
    const output = join(OUTPUT, file.replace(/\.ts$/, ".d.ts"));
    await mkdir(dirname(output), { recursive: true });
    await writeFile(output, text);
    for (const name of imports) {
      if (name.startsWith(".")) seen.add(join(dirname(file), name));
      else if (!isInstalled(name)) throw new Error(`The types of ${file} name ${name}, which is in no registry`);
    }
  }
}

/** The types of a file, and where they import others from. */
function declarationOf(file: string, source: string): { readonly text: string; readonly imports: string[] } {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(source, {
    fileName: file,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext },
  });
  const problems = diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  if (problems.length > 0) throw new Error(`The types of ${file} cannot be told: ${problems.join("; ")}`);
  const published = outputText.replace(ROUTING_STRATEGY.imported, ROUTING_STRATEGY.writtenOut);
  const { importedFiles } = ts.preProcessFile(published);
  const text = published.replace(/(?<=from "\.[^"]*)\.ts(?=")/g, ".js");
  return { text, imports: importedFiles.map(({ fileName }) => fileName) };
}

function isInstalled(name: string): boolean {
  return name.startsWith("node:") || INSTALLED.some((each) => name === each || name.startsWith(`${each}/`));
}
