import type { ReadRange, Router } from "../../fargate-app/src/router/router.ts";
import type { FilePath } from "../../fargate-app/src/routing/path.ts";

/** What a client of the router gets that reads a file to its end. */
export async function readFile(router: Router, path: FilePath, range?: ReadRange): Promise<Buffer> {
  const { body } = await router.openFile(path, range);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
