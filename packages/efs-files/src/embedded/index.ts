/** Files on Amazon EFS without a server between: see {@link openFiles}. */
export { FileError, type FileErrorCode, isCode, OutcomeUnknownError, RemoveIncompleteError } from "../errors.ts";
export * from "../files.ts";
export { type EmbeddedFiles, type MountTargetStatus, openFiles } from "./open-files.ts";
export type { Log, OpenFilesOptions, RoutingStrategy, TlsOptions } from "./options.ts";
