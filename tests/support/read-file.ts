import type { ReadRange, RoutedFiles } from "../../fargate-app/src/router/routed-files.ts";
import type { FilePath } from "../../fargate-app/src/routing/path.ts";

/** What a client of the router gets that reads a file to its end. */
export async function readFile(router: RoutedFiles, path: FilePath, range?: ReadRange): Promise<Buffer> {
  const { body } = await router.openFile(path, range);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
