/** An NFSv4.1 client (RFC 8881) in TypeScript, without dependencies: one COMPOUND per file operation. */

export { connectNfs } from "./client.ts";
export { Deadline } from "./deadline.ts";
export * from "./errors.ts";
export { TEMPORARY_PREFIX } from "./files/staged-file.ts";
export { MemoryBudget } from "./memory-budget.ts";
export type * from "./types.ts";
export { etagOf, type FileAttributes, type FileType } from "./wire/operations/attributes.ts";
