import type { FilePath, RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import { ProblemError } from "../../semantics/problem.ts";

/** @throws {ProblemError} 409 when there is something else at the path. */
export async function requireDirectory(files: RoutedFiles, path: FilePath): Promise<void> {
  const { type } = await files.stat(path);
  if (type !== "directory") throw new ProblemError(409, `There is no directory, but a ${type}, at ${path}`);
}
