/// <reference types="node" preserve="true" />
/** An NFSv4.1 client (RFC 8881) in TypeScript, without dependencies: one COMPOUND per file operation. */

export { connectNfs } from "./client.ts";
export { Deadline } from "./deadline.ts";
export {
  type CompoundMessage,
  type ConnectMessage,
  type DelayMessage,
  type DisconnectMessage,
  type FenceMessage,
  type NfsDiagnostics,
  type NfsMessage,
  onDiagnostics,
  type RetryMessage,
  type SessionCreatedMessage,
  type SessionLostMessage,
} from "./diagnostics.ts";
export {
  AbortedError,
  BusyError,
  ClosedError,
  ConnectionError,
  DeadlineError,
  FileChangedError,
  InvalidCursorError,
  InvalidPathError,
  isMissing,
  isStatus,
  messageOf,
  NfsError,
  type NfsErrorCode,
  NfsStatusError,
  OutcomeUnknownError,
  PreconditionError,
  ProtocolError,
  type Staged,
} from "./errors.ts";
export { TEMPORARY_PREFIX } from "./files/staged-file.ts";
export { MemoryBudget, MemoryLease } from "./memory-budget.ts";
export {
  connectTreeReader,
  type DirectoryContents,
  type DirectoryLocation,
  type ReadTreeOptions,
  type TreeReader,
} from "./tree-reader.ts";
export type {
  AppendOptions,
  BeforePublishing,
  Changed,
  DirectoryEntry,
  DirectoryOptions,
  NfsClient,
  NfsClientOptions,
  NfsClientStatistics,
  OperationOptions,
  OrphanOptions,
  OrphanReport,
  PassedOver,
  ReadableFile,
  ReadOptions,
  RemoveOptions,
  SmallFile,
  SmallFileRequest,
  TlsOptions,
  Unchanged,
  WriteAtOptions,
  WriteOptions,
} from "./types.ts";
export type { StatusName } from "./wire/constants.ts";
export { decodeName, encodeName, isNameString, nameFromUrl, nameLength } from "./wire/names.ts";
export { etagOf, type FileAttributes, type FileType } from "./wire/operations/attributes.ts";
export type { AttributeChanges, Owners } from "./wire/operations/metadata.ts";
export type { Identity } from "./wire/rpc.ts";
