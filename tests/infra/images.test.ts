/** What an image runs is among what its Dockerfile copies. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

interface Service {
  readonly build: string | { readonly dockerfile?: string; readonly dockerfile_inline?: string };
  readonly command?: readonly string[];
}

const read = (path: string) => readFileSync(path, "utf8");
const { services }: { services: Record<string, Service> } = parse(read("compose.yaml"));
const entriesOfRouter = [...read("build.ts").matchAll(/entry: "(fargate-app\/.+?)"/g)].map(([, entry]) => entry ?? "");

describe("the images of compose.yaml", () => {
  const inline = Object.entries(services).flatMap(([name, { build, command = [] }]) =>
    typeof build === "object" && build.dockerfile_inline !== undefined
      ? [{ name, dockerfile: build.dockerfile_inline, program: command.at(-1) ?? "" }]
      : [],
  );

  test.each(inline)("$name has what it runs", async ({ dockerfile, program }) => {
    expect(await missing(dockerfile, [program])).toEqual([]);
  });

  test("the others are those of the stack", () => {
    const others = Object.entries(services).filter(([name]) => !inline.some((image) => image.name === name));
    expect(others.map(([name, { build }]) => [name, typeof build === "string" ? build : build.dockerfile])).toEqual([
      ["log-router", "fluent-bit"],
      ["router", "fargate-app/Dockerfile"],
    ]);
  });
});

describe("the router's image", () => {
  const dockerfile = read("fargate-app/Dockerfile");

  test("has what it builds and what its health check runs", async () => {
    expect(entriesOfRouter).toContain("fargate-app/src/main.ts");
    const programs = ["build.ts", "fargate-app/healthcheck.mjs", ...entriesOfRouter];
    expect(await missing(dockerfile, programs)).toEqual([]);
  });

  test("is sent what it copies, and nothing else", () => {
    const sent = [...read("fargate-app/Dockerfile.dockerignore").matchAll(/^!(.+)$/gm)].map(([, path]) => path);
    expect(sent.sort()).toEqual(copied(dockerfile).sort());
  });
});

test("the log router's image has every file of its folder", () => {
  const files = readdirSync("fluent-bit").filter((file) => file !== "Dockerfile");
  expect(copied(read("fluent-bit/Dockerfile")).sort()).toEqual(files.sort());
});

/** The files and folders that a Dockerfile copies from its context. */
function copied(dockerfile: string): string[] {
  const lines = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].map(([, paths = ""]) => paths.split(" "));
  return lines.flatMap((paths) => paths.slice(0, -1));
}

/** The files that the programs need, and the Dockerfile does not copy. */
async function missing(dockerfile: string, programs: readonly string[]): Promise<string[]> {
  const paths = copied(dockerfile);
  const files = await filesOf(programs);
  return files.filter((file) => !paths.some((path) => file === path || file.startsWith(`${path}/`)));
}

/** Stops at the packages that npm brings: those of this project are files of the image, too. */
const foreignPackages: Plugin = {
  name: "foreign-packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ kind, path }) =>
      kind === "entry-point" || /^(nfs-client|@efs-mount-autoscaling)(\/|$)/.test(path)
        ? undefined
        : { external: true },
    );
  },
};

/** The programs, the files that they import, and those that they start or read. */
async function filesOf(programs: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  const entries = new Set(programs);
  for (const entry of entries) {
    const { metafile } = await build({
      entryPoints: [entry],
      bundle: true,
      plugins: [foreignPackages],
      platform: "node",
      format: "esm",
      write: false,
      metafile: true,
    });
    for (const file of Object.keys(metafile.inputs)) {
      files.add(file);
      for (const [, path = ""] of read(file).matchAll(/new URL\("(.+?)", import\.meta\.url\)/g)) {
        const other = join(dirname(file), path);
        files.add(other);
        if (/\.m?[jt]s$/.test(other)) entries.add(other);
      }
    }
  }
  return [...files];
}
