import { connectFiles } from "efs-files";
import { startRouterOverDirectory } from "../../support/router-over-directory.ts";
import { describeFiles } from "./contract.ts";

describeFiles("files over HTTP, of the router's bundle", async () => {
  const { router, close } = await startRouterOverDirectory();
  const another = () => connectFiles({ url: router.url });
  const files = another();
  return {
    files,
    another,
    close: async () => {
      await files.close();
      await close();
    },
  };
});
