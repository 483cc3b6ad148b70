/** Runs of the monitor that count over NFS, through all mount targets, and keep what they have seen. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAwsClients } from "../../functions/file-monitor/aws/session.ts";
import { deadlineIn } from "../../functions/file-monitor/deadline.ts";
import { monitor } from "../../functions/file-monitor/monitor.ts";
import type { Memory } from "../../functions/file-monitor/run.ts";
import { readSettings } from "../../functions/file-monitor/settings.ts";
import { createAccount, REGION, SUBNETS } from "../../local/account.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane/server.ts";
import { monitorEnvironment } from "../../local/environments.ts";
import { addMountTargets, putMountTable } from "../../local/initial-deployment.ts";
import { findCommonPort } from "../../local/machine/loopback.ts";

let directory: string;
let files: string;
let controlPlane: ControlPlane;
const servers: NfsServer[] = [];
let port: number;
const log: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "monitor-nfs-"));
  files = join(directory, "files", "data");
  await mkdir(join(files, "a", "b"), { recursive: true });
  for (const name of ["1", "a/2", "a/b/3"]) await writeFile(join(files, name), "");
  const hosts = SUBNETS.slice(0, 2).flatMap(({ addresses }) => addresses.slice(0, 1));
  port = await findCommonPort(hosts);
  for (const host of hosts) {
    servers.push(await startNfsServer({ directory: join(directory, "files"), host, port, durable: false }));
  }
  controlPlane = await startControlPlane({ state: createAccount(new Date()) });
  controlPlane.update((_, environment) =>
    putMountTable(addMountTargets(createAccount(environment.now), SUBNETS.slice(0, 2), environment), environment),
  );
});

afterAll(async () => {
  await controlPlane.close();
  for (const server of servers) await server.close();
  await rm(directory, { recursive: true });
});

async function run(memory: Memory = { unsupportedZones: new Set() }) {
  const deadline = deadlineIn(20_000);
  const credentials = { accessKeyId: "RUN", secretAccessKey: "test" };
  const clients = createAwsClients({ endpoint: controlPlane.url, region: REGION, credentials });
  const write = (message: string) => void log.push(message);
  log.length = 0;
  try {
    return await monitor({
      mustCount: true,
      memory,
      settings: readSettings({
        ...monitorEnvironment(controlPlane.url, "/not-mounted", 1000, "hot-reload"),
        COUNT_VIA: "nfs",
        NFS_PORT: String(port),
        COUNT_TREE_FILE: treeFile(),
      }),
      aws: { ...clients, signal: deadline.signal },
      deadline,
      log: { info: () => {}, warn: write, error: write },
    });
  } finally {
    for (const client of Object.values(clients)) client.destroy();
  }
}

const treeFile = () => join(directory, "tree");

test("a run counts without a mount, and the next one goes on from it", async () => {
  expect(await run()).toMatchObject({
    statusCode: 200,
    fileCount: 3,
    countComplete: true,
    fullCount: true,
    directoriesRead: 3,
    wrongDirectories: { count: 0 },
  });
  await writeFile(join(files, "a", "4"), "");
  expect(await run()).toMatchObject({ statusCode: 200, fileCount: 4, fullCount: false });
  expect(log).toEqual([]);
});

test("what was kept and is damaged costs a full count, and a line in the log", async () => {
  await run();
  await writeFile(treeFile(), (await readFile(treeFile())).subarray(0, -9));
  expect(await run()).toMatchObject({ statusCode: 200, fullCount: true });
  expect(log).toEqual(["What the last count kept is of no use"]);
  expect(await run()).toMatchObject({ statusCode: 200, fullCount: false });
});

test("a mount target that is lost is counted around, and named", async () => {
  await servers.shift()?.close();
  expect(await run()).toMatchObject({ statusCode: 200, fileCount: 4, countComplete: true });
  expect(log).toEqual(["A mount target is not counted through"]);
});
