/** Files on Amazon EFS, through the routers of efs-mount-autoscaling: see {@link Files}. */
export { FileError, type FileErrorCode, isCode, OutcomeUnknownError, RemoveIncompleteError } from "./errors.ts";
export * from "./files.ts";
