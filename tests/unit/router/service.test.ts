import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { fixedSource, type MountTableSource } from "../../../fargate-app/src/router/mount-table-sources.ts";
import { run } from "../../../fargate-app/src/service.ts";
import { MemoryNetwork, memoryLog } from "../../support/memory-router.ts";

const network = new MemoryNetwork(1);
const none: MountTableSource = { name: "none", load: () => Promise.reject(new Error("There is none")) };

test.each([
  { because: "there is no mount table", sources: [none], state: "up" as const, host: "127.0.0.1" },
  {
    because: "there is no mount target",
    sources: [fixedSource("the test", network.table)],
    state: "down" as const,
    host: "127.0.0.1",
  },
  {
    because: "it cannot listen",
    sources: [fixedSource("the test", network.table)],
    state: "up" as const,
    host: "192.0.2.1",
  },
])("a router that cannot start because $because looks for no tokens any more", async ({ sources, state, host }) => {
  for (const server of network.servers) server.state = state;
  let looks = 0;
  const exitCode = await run({
    environment: {
      EFS_FILE_SYSTEM_ID: "fs-1",
      HOST: host,
      PORT: "0",
      API_TOKEN_SECRET_ID: "secret",
      API_TOKEN_REFRESH_SECONDS: "0.001",
    },
    log: memoryLog().log,
    connect: network.connect,
    tokenSource: (name) => {
      const load = async () => {
        looks += 1;
        return ["a-token-0123456789abcdefghijklmnop"];
      };
      return { name, load };
    },
    mountTableSources: () => sources,
    loadDocsAssets: async () => ({ css: "", script: "" }),
    stop: new Promise(() => {}),
    onReload: () => {},
  });
  expect(exitCode).toBe(1);
  const before = looks;
  await sleep(50);
  expect(looks).toBe(before);
});
