/** Files on Amazon EFS, through the routers of efs-mount-autoscaling: see {@link Files}. */
export { FileError, type FileErrorCode, isCode, OutcomeUnknownError, RemoveIncompleteError } from "./errors.ts";
export * from "./files.ts";
export { connectFiles } from "./remote/connect.ts";
export type { ConnectOptions, TlsOptions } from "./remote/options.ts";
export { HttpError } from "./remote/problem.ts";
export type {
  ArchiveOptions,
  Change,
  ChangesOptions,
  Extracted,
  ExtractOptions,
  RemoteFiles,
} from "./remote/remote-files.ts";
export type { TokenSource } from "./remote/token.ts";
