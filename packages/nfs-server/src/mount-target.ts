/** One mount target of a file system, as the operations see it: its files, who it knows, and its dialect. */
import type { StatusName } from "nfs-client/wire";
import { checkDialect, type Dialect } from "./dialect/dialect.ts";
import { Partitions } from "./partitions.ts";
import type { SharedFileSystem } from "./shared-file-system.ts";
import type { ClientRecords } from "./state/client-records.ts";

export interface MountTargetOptions {
  /** Whether what must be on stable storage before the reply really is. */
  readonly durable: boolean;
  /** Asked before every WRITE: the status that it fails with, if it is to fail. */
  readonly refuseWrite: () => StatusName | undefined;
}

export class MountTarget {
  readonly fileSystem: SharedFileSystem;
  readonly options: MountTargetOptions;
  readonly partitions = new Partitions();
  #dialect: Dialect;
  /** The connections that were open when the dialect's authorization was set. */
  #openBefore = new WeakSet<object>();

  /** @throws {RangeError} as {@link checkDialect}. */
  constructor(fileSystem: SharedFileSystem, options: MountTargetOptions, dialect: Dialect) {
    checkDialect(dialect);
    this.fileSystem = fileSystem;
    this.options = options;
    this.#dialect = dialect;
  }

  /** An object that does not change: a COMPOUND keeps the one it began with. */
  get dialect(): Dialect {
    return this.#dialect;
  }

  /** @param connections Those that are open now. @throws {RangeError} as {@link checkDialect}. */
  speak(dialect: Dialect, connections: Iterable<object>): void {
    checkDialect(dialect);
    if (dialect.authorization !== this.#dialect.authorization) this.#openBefore = new WeakSet(connections);
    this.#dialect = dialect;
  }

  mayUse(connection: object): boolean {
    const { authorization } = this.#dialect;
    if (authorization === "revoked-until-reconnect") return !this.#openBefore.has(connection);
    return authorization === "granted";
  }

  /** The clients that are known to who came over this connection. */
  recordsOf(connection: object): ClientRecords {
    const { state } = this.fileSystem;
    const scopes = {
      "file-system": state,
      "mount-target": this,
      connection: this.partitions.of(connection) ?? connection,
    };
    return state.recordsOf(scopes[this.#dialect.clientRecords]);
  }
}
