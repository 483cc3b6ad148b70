/** Files without a router: table, routing and failover in this process. */
import { startEmbeddedFileSystem } from "../../support/embedded-files.ts";
import { describeFiles } from "./contract.ts";

describeFiles("files at the mount targets, in this process", async () => {
  const fileSystem = await startEmbeddedFileSystem();
  return {
    files: await fileSystem.open(),
    another: () => fileSystem.open(),
    close: () => fileSystem.close(),
  };
});
