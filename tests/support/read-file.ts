import type { FilePath, ReadRange, RoutedFiles } from "@efs-mount-autoscaling/routed-files";

/** What a client of the router gets that reads a file to its end. */
export async function readFile(router: RoutedFiles, path: FilePath, range?: ReadRange): Promise<Buffer> {
  const { body } = await router.openFile(path, range);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
