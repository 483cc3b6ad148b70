/** The end of a removal that this process does itself, where names cannot be removed. */
import { Op } from "nfs-client/wire";
import { expect, onTestFinished, test } from "vitest";
import { Deadline } from "../../../packages/efs-files/src/deadline.ts";
import { operationsOver } from "../../../packages/efs-files/src/embedded/operations.ts";
import { failure } from "../../support/memory-file-system.ts";
import { MemoryNetwork, startTestRouter } from "../../support/memory-router.ts";

test("where so many names fail that the rest is not tried, they are what was not removed", async () => {
  const network = new MemoryNetwork(1);
  const { router } = await startTestRouter(network);
  for (let index = 0; index < 1_100; index++) network.files.write(`/data/top/${index}`, Buffer.from("x"));
  network.files.remove = (path) => {
    throw failure("NFS4ERR_ROFS", Op.REMOVE, path);
  };
  const deadline = new Deadline();
  onTestFinished(() => deadline.end());
  const removing = operationsOver(router).removeTree("top", deadline);
  const reason = expect.objectContaining({ code: "EROFS" });
  const failures = expect.arrayContaining([reason]);
  await expect(removing).rejects.toMatchObject({ code: "ERR_REMOVE_INCOMPLETE", path: "top", failures });
});
