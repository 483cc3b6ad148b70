/** Files over HTTP, while mount targets and processes of the router are killed: the client's retries hide it. */
import { connectFiles } from "efs-files";
import { expect, onTestFinished, test } from "vitest";
import { underLoad } from "../support/files-load.ts";
import { startLocalTargets } from "../support/mount-targets.ts";
import { reportAtEnd, rounds } from "../support/reliability.ts";
import { startStandaloneRouter } from "../support/standalone-router.ts";
import { childrenOf } from "../support/worker-processes.ts";

const WORKERS = 2;

/** Milliseconds: a machine that is busy with other things takes minutes. */
const TIMEOUT = rounds(240_000, 1_200_000);

const counts: Record<string, number> = {};
reportAtEnd("files over HTTP", () => counts);

test("mount targets and workers that are killed fail no call, and no append is made twice", {
  timeout: TIMEOUT,
}, async () => {
  const targets = await startLocalTargets();
  onTestFinished(() => targets.stop());
  const router = await startStandaloneRouter(targets.addresses, {
    ROUTER_WORKERS: String(WORKERS),
    NFS_DETECTION_TIMEOUT_SECONDS: "2",
  });
  onTestFinished(() => router.close());
  const files = connectFiles({ url: router.url });
  onTestFinished(() => files.close());
  const workersStarted = () => router.lines.filter(({ msg }) => msg.startsWith("Worker listening")).length;
  const counted = await underLoad(files, "killed", async (load) => {
    for (let round = 1; round <= rounds(2, 4); round++) {
      await targets.restart(round % targets.addresses.length);
      await load.progress();
      const [worker = 0] = await childrenOf(router.child.pid);
      process.kill(worker, "SIGKILL");
      await load.progress();
      await expect.poll(workersStarted, { timeout: 60_000 }).toBe(WORKERS + round);
    }
  });
  Object.assign(counts, counted);
});
