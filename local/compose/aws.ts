/** `compose.yaml`: AWS for one task, whose containers share this one's loopback addresses as they do on Fargate. */
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createAccount, SUBNETS } from "../account.ts";
import { startLocalCloudWatchLogs } from "../cloudwatch-logs/server.ts";
import { startControlPlane } from "../control-plane/server.ts";
import { TARGET_DIRECTORY } from "../environments.ts";
import { addMountTargets, putMountTable } from "../initial-deployment.ts";
import { Cleanups } from "../machine/cleanups.ts";
import { runProgram } from "../machine/program.ts";
import { startMountTargetServers } from "../mount-targets/servers.ts";
import { startLocalS3 } from "../s3/server.ts";
import { BUCKET, ERROR_LOG_GROUP, PORTS } from "./settings.ts";

await runProgram(async (signal) => {
  const cleanups = new Cleanups();
  try {
    const s3 = await startLocalS3({ directory: "/aws/s3", buckets: [BUCKET], port: PORTS.s3 });
    cleanups.add(() => s3.close());
    const logs = await startLocalCloudWatchLogs({
      directory: "/aws/cloudwatch-logs",
      groups: [ERROR_LOG_GROUP],
      port: PORTS.logs,
    });
    cleanups.add(() => logs.close());

    const fileSystem = "/aws/file-system";
    await mkdir(fileSystem + TARGET_DIRECTORY, { recursive: true });
    const mountTargets = startMountTargetServers({ directory: fileSystem, port: PORTS.nfs }, ({ text }) => {
      console.error(text);
    });
    cleanups.add(() => mountTargets.close());
    const subnets = SUBNETS.slice(0, 2);
    for (const { addresses } of subnets) await mountTargets.start(addresses[0] ?? "");

    const controlPlane = await startControlPlane({ state: createAccount(new Date()), port: PORTS.controlPlane });
    cleanups.add(() => controlPlane.close());
    controlPlane.update((state, environment) =>
      putMountTable(addMountTargets(state, subnets, environment), environment),
    );
    console.log("AWS is ready");
    if (!signal.aborted) await once(signal, "abort");
    return 0;
  } finally {
    await cleanups.run();
  }
});
