import { fixedSource } from "@efs-mount-autoscaling/routed-files";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { regionSources } from "../../fargate-app/src/region/sources.ts";
import { type ExitCode, run } from "../../fargate-app/src/service.ts";
import { onlyWorker } from "../../fargate-app/src/workers/group.ts";
import { MemoryNetwork, memoryLog } from "../support/memory-router.ts";
import { noStatusPage } from "../support/status-page.ts";

const ENVIRONMENT = {
  EFS_FILE_SYSTEM_ID: "fs-1",
  PORT: "0",
  HOST: "127.0.0.1",
  NFS_CONNECT_TIMEOUT_SECONDS: "0.03",
  START_TIMEOUT_SECONDS: "0",
};

/** Runs the service until it listens, or cannot start; then tells it to stop, and waits for its end. */
async function runOnce(network: MemoryNetwork) {
  const { log, lines } = memoryLog();
  let stop = (_reason: string) => {};
  const stopped = new Promise<string>((resolve) => {
    stop = resolve;
  });
  let exitCode: ExitCode | undefined;
  const ended = run({
    environment: ENVIRONMENT,
    log,
    connect: network.connect,
    tokenSource: (name) => ({ name, load: async () => [] }),
    accessKeySource: (name) => ({ name, load: async () => [] }),
    mountTableSources: () => [fixedSource("the test", network.table)],
    regionSources,
    loadDocsAssets: async () => ({ css: "", script: "" }),
    ...noStatusPage,
    stop: stopped,
    onReload: () => {},
    group: onlyWorker(),
  }).then((code) => {
    exitCode = code;
  });
  const url = () => lines.map(({ msg }) => /^Server listening at (.*)$/.exec(msg)?.[1]).find(Boolean);
  await vi.waitFor(() => expect(url() ?? exitCode).toBeDefined(), { timeout: 60_000, interval: 5 });
  const ready = url() === undefined ? undefined : (await fetch(`${url()}/readyz`)).status;
  stop("the test is over");
  await ended;
  return { exitCode, ready, lines };
}

const states = fc.array(fc.constantFrom("up" as const, "down" as const, "frozen" as const), {
  minLength: 1,
  maxLength: 6,
});

describe("property 8: whichever targets fail to connect", () => {
  test("the router starts if one remains, with an ERROR for each that does not, and exits with 1 if none does", async () => {
    await fc.assert(
      fc.asyncProperty(states, async (states) => {
        const network = new MemoryNetwork(states.length);
        for (const [index, server] of network.servers.entries()) server.state = states[index] ?? "up";
        const failing = states.flatMap((state, index) => (state === "up" ? [] : [`fsmt-${index}`]));
        const starts = states.includes("up");

        const { exitCode, ready, lines } = await runOnce(network);

        expect(ready).toBe(starts ? 200 : undefined);
        expect(exitCode).toBe(starts ? 0 : 1);
        const levels = (level: string) => lines.filter((line) => line.level === level);
        expect(
          levels("ERROR")
            .map(({ target }) => target)
            .sort(),
        ).toEqual(failing);
        expect(levels("FATAL")).toHaveLength(starts ? 0 : 1);
        expect(network.servers.map(({ clients }) => clients.size)).toEqual(states.map(() => 0));
      }),
      { numRuns: 40 },
    );
  });
});
