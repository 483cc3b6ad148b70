/** What an image runs is among what its Dockerfile copies, and the stack runs it as the image expects. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CONFIGURATIONS } from "./configurations.ts";
import { registerStack } from "./stack.ts";

interface Service {
  readonly build: string | { readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly read_only?: boolean;
}

const read = (path: string) => readFileSync(path, "utf8");
const { services }: { services: Record<string, Service> } = parse(read("compose.yaml"), { merge: true });
const entriesOfRouter = [...read("build.ts").matchAll(/entry: "(fargate-app\/.+?)"/g)].map(([, entry]) => entry ?? "");
const dockerfileOf = ({ build }: Service) => (typeof build === "string" ? `${build}/Dockerfile` : build.dockerfile);

describe("the images of compose.yaml", () => {
  const local = Object.entries(services).flatMap(([name, service]) =>
    dockerfileOf(service) === "local/compose/Dockerfile" ? [{ name, program: service.command?.at(-1) ?? "" }] : [],
  );

  test.each(local)("$name has what it runs", async ({ program }) => {
    expect(await missing(read("local/compose/Dockerfile"), [program])).toEqual([]);
  });

  test("the others are those of the stack", () => {
    const others = Object.entries(services).filter(([name]) => !local.some((image) => image.name === name));
    expect(others.map(([name, service]) => [name, dockerfileOf(service)])).toEqual([
      ["log-router", "fluent-bit/Dockerfile"],
      ["router", "fargate-app/Dockerfile"],
    ]);
  });
});

describe("the task definition agrees with compose.yaml, whose services tests/images runs, and with the image of", () => {
  let containers: readonly Record<string, unknown>[];

  beforeAll(async () => {
    const { resources } = await registerStack(CONFIGURATIONS.defaults);
    const task = resources.find(({ type }) => type.endsWith(":TaskDefinition"));
    containers = JSON.parse(String(task?.inputs.containerDefinitions));
  });

  test.each(["router", "log-router"])("%s", (name) => {
    const service = services[name];
    if (service === undefined) throw new Error(`compose.yaml has no ${name}`);
    const dockerfile = read(dockerfileOf(service));
    const [, healthCheck = ""] = /^HEALTHCHECK .*(?:\\\n)?.*CMD (\[.+\])$/m.exec(dockerfile) ?? [];
    const [, user = "0"] = /^USER (.+)$/m.exec(dockerfile) ?? [];
    const volumes = [...dockerfile.matchAll(/^VOLUME (.+)$/gm)].map(([, path]) => path);
    expect(containers.find((container) => container.name === name)).toMatchObject({
      user,
      readonlyRootFilesystem: service.read_only,
      healthCheck: { command: ["CMD", ...JSON.parse(healthCheck)] },
      ...(volumes.length > 0 && { mountPoints: volumes.map((containerPath) => ({ containerPath })) }),
    });
  });
});

describe("the router's image", () => {
  test("has what it builds and what its health check runs", async () => {
    expect(entriesOfRouter).toContain("fargate-app/src/main.ts");
    const programs = ["build.ts", "fargate-app/healthcheck.mjs", ...entriesOfRouter];
    expect(await missing(read("fargate-app/Dockerfile"), programs)).toEqual([]);
  });
});

test.each(["fargate-app/Dockerfile", "local/compose/Dockerfile"])(
  "the build of %s is sent what it copies, and nothing else",
  (dockerfile) => {
    const sent = [...read(`${dockerfile}.dockerignore`).matchAll(/^!(.+)$/gm)].map(([, path = ""]) => path);
    const copies = copied(read(dockerfile));
    expect(sent.filter((path) => !copies.includes(path))).toEqual([]);
    expect(copies.filter((path) => !sent.some((folder) => isWithin(path, folder)))).toEqual([]);
  },
);

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
  return files.filter((file) => !paths.some((path) => isWithin(file, path)));
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
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
      // Nothing is written; styles need a place to go to.
      outdir: "dist",
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
