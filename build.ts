/**
 * Bundles each runtime, its source map beside it: what tests and local runs execute is what ships.
 *
 * `tsx build.ts [FOLDER…]` bundles all runtimes, or those of the folders named, such as `fargate-app`.
 */
import { readFile, writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { decode, encode, type SourceMapSegment } from "@jridgewell/sourcemap-codec";
import { type BuildOptions, build, type Plugin } from "esbuild";
import * as z from "zod";

interface Bundle {
  readonly entry: string;
  readonly output: string;
  /** Default true. */
  readonly hasSourceMap?: boolean;
  /** Default: for Node.js. */
  readonly runsInBrowsers?: boolean;
}

/** Style sheets that a page imports are bundled beside it. */
const PAGE = { runsInBrowsers: true, hasSourceMap: false };

const bundles: readonly Bundle[] = [
  { entry: "functions/file-monitor/handler.ts", output: "dist/file-monitor/index.cjs" },
  { entry: "fargate-app/src/main.ts", output: "dist/router/main.cjs" },
  // Names are kept, so that its traces can be read without a map, which would be a megabyte of the router's image.
  { entry: "fargate-app/src/maintenance/main.ts", output: "dist/router/nfs.cjs", hasSourceMap: false },
  // Nearly half of the router, which few of its processes are ever asked for.
  { entry: "fargate-app/src/http/routes/docs/assets.ts", output: "dist/router/docs-assets.cjs" },
  // For those of its processes whose status page somebody looks at.
  { entry: "fargate-app/src/ecs/service-tasks.ts", output: "dist/router/service-tasks.cjs", hasSourceMap: false },
  // For routers that are traced. Its names are kept, too.
  { entry: "fargate-app/src/tracing/tracing.ts", output: "dist/router/tracing.cjs", hasSourceMap: false },
  { entry: "fargate-app/web/status/page.tsx", output: "dist/router/pages/status.js", ...PAGE },
  { entry: "fargate-app/web/browser/page.tsx", output: "dist/router/pages/browser.js", ...PAGE },
  { entry: "local/console/web/console.tsx", output: "dist/local/console.js", ...PAGE },
];

const FOR_NODE: BuildOptions = {
  platform: "node",
  target: "node20",
  format: "cjs",
  // The ES modules of the packages: of those, esbuild can leave out what is not used.
  mainFields: ["module", "main"],
};

const FOR_BROWSERS: BuildOptions = {
  platform: "browser",
  target: ["chrome120", "firefox121", "safari17"],
  format: "esm",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
};

/** Where a source imports the entry of another bundle, its own bundle loads that one, from beside itself. */
const otherBundles: Plugin = {
  name: "other-bundles",
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      const imported = resolve(resolveDir, path);
      const other = bundles.find(({ entry }) => resolve(entry) === imported);
      if (kind !== "dynamic-import" || other === undefined) return undefined;
      return { path: `./${basename(other.output)}`, external: true };
    });
  },
};

/** What few processes are asked for is compressed in the router's image: Swagger UI is a third of its size then. */
const brotli: Plugin = {
  name: "brotli",
  setup({ onLoad }) {
    onLoad({ filter: /\.(css|js)$/ }, async ({ path, with: { type } }) =>
      type === "brotli" ? { contents: brotliCompressSync(await readFile(path)), loader: "binary" } : undefined,
    );
  },
};

/**
 * Lets esbuild leave out what an AWS client has for operations that are not used. The SDK describes every shape of a
 * service in an array of its own; esbuild keeps them all, since their computed keys might have side effects. Of the
 * EC2 client that is half a megabyte, and a tenth of a second at each cold start.
 */
const unusedSdkShapes: Plugin = {
  name: "unused-sdk-shapes",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@aws-sdk[\\/].*[\\/]schemas_0\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const shape = /^((?:export )?var [\w$]+ =) (\[[\s\S]*?\]);$/gm;
      return { contents: source.replace(shape, "$1 /* @__PURE__ */ (() => $2)();") };
    });
  },
};

const sourceMap = z.object({ version: z.literal(3), sources: z.array(z.string()), mappings: z.string() });

/**
 * Takes the packages of npm out of a source map: they would be four fifths of it, and an image has to carry them. Their
 * names are as they were, so that a trace through a package can be read all the same.
 */
async function mapOwnSourcesOnly(path: string): Promise<void> {
  const { version, sources, mappings } = sourceMap.parse(JSON.parse(await readFile(path, "utf8")));
  const own = sources.filter((source) => !source.includes("node_modules/"));
  const places = new Map(own.map((source, index) => [source, index]));
  const ownPlaces = sources.map((source) => places.get(source));
  const lines = decode(mappings).map((segments) => withoutOthers(segments, ownPlaces));
  await writeFile(path, JSON.stringify({ version, sources: own, names: [], mappings: encode(lines) }));
}

/** @param ownPlaces the new index of each source; undefined for those that are no longer mapped. */
function withoutOthers(
  segments: readonly SourceMapSegment[],
  ownPlaces: readonly (number | undefined)[],
): SourceMapSegment[] {
  const kept: SourceMapSegment[] = [];
  for (const [column, source, line, sourceColumn] of segments) {
    const place = source === undefined ? undefined : ownPlaces[source];
    if (place !== undefined && line !== undefined && sourceColumn !== undefined) {
      kept.push([column, place, line, sourceColumn]);
    } else if (kept.at(-1)?.length !== 1) kept.push([column]);
  }
  return kept;
}

/**
 * @param folders the runtimes to bundle, by their folder such as `fargate-app`. Default: all.
 * @returns the bytes of each bundle, by its file.
 * @throws when a folder has no bundle.
 */
export async function buildBundles(folders: readonly string[] = []): Promise<Map<string, number>> {
  const isIn = (folder: string) => (bundle: { readonly entry: string }) => bundle.entry.startsWith(`${folder}/`);
  for (const folder of folders) {
    if (!bundles.some(isIn(folder))) throw new Error(`No bundle is made from ${folder}`);
  }
  const wanted = folders.length === 0 ? bundles : folders.flatMap((folder) => bundles.filter(isIn(folder)));
  const sizes = new Map<string, number>();
  for (const { entry, output, hasSourceMap = true, runsInBrowsers = false } of wanted) {
    const { metafile } = await build({
      entryPoints: [entry],
      outfile: output,
      bundle: true,
      ...(runsInBrowsers ? FOR_BROWSERS : FOR_NODE),
      // Not the identifiers: logs name errors by their class. To restore names that were cut short (`keepNames`), each
      // function would name itself whenever it is made, at the start and in each request.
      minifyWhitespace: true,
      minifySyntax: true,
      sourcemap: hasSourceMap ? "linked" : false,
      sourcesContent: false,
      legalComments: "none",
      plugins: [brotli, unusedSdkShapes, otherBundles],
      metafile: true,
      logLevel: "warning",
    });
    if (hasSourceMap) await mapOwnSourcesOnly(`${output}.map`);
    sizes.set(output, metafile.outputs[output]?.bytes ?? 0);
  }
  return sizes;
}

if (process.argv[1] === import.meta.filename) {
  for (const [output, bytes] of await buildBundles(process.argv.slice(2))) {
    console.log(`${output}  ${Math.ceil(bytes / 1024)} KiB`);
  }
}
