/**
 * Files in a directory of the routers' own. They count neither as requests nor as bytes of clients; COMPOUNDs and costs
 * include them.
 */
import { isMissing } from "nfs-client";
import { type DirectoryPath, entryPath, type FilePath } from "./routing/path.ts";
import type { OperationName } from "./targets/statistics.ts";
import type { Attempt, TargetPool } from "./targets/target-pool.ts";

/** Every method fails with a subclass of Error. */
export interface OwnFiles {
  /** Empty while there are none. */
  list(): Promise<readonly OwnFile[]>;
  /** At most so many bytes from `start`; none behind the end, or where there is no such file. */
  read(name: string, start: number, length: number): Promise<Buffer>;
  /** Durable on return. To write the same bytes again does no harm. */
  write(name: string, offset: number, data: Uint8Array): Promise<void>;
  /** Also where there is no such file. */
  remove(name: string): Promise<void>;
}

export interface OwnFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly modifiedAt: number;
}

export class OwnDirectory implements OwnFiles {
  readonly #pool: TargetPool;
  readonly #directory: FilePath;
  readonly #absolute: (path: DirectoryPath) => string;

  constructor(pool: TargetPool, directory: FilePath, absolute: (path: DirectoryPath) => string) {
    this.#pool = pool;
    this.#directory = directory;
    this.#absolute = absolute;
  }

  list(): Promise<readonly OwnFile[]> {
    return this.#attempt("list", this.#directory, async ({ client, options }, path) => {
      const files: OwnFile[] = [];
      try {
        for await (const { name, attributes } of client.readDirectory(path, options)) {
          files.push({ name, size: attributes.size, modifiedAt: attributes.modifiedAt });
        }
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      return files;
    });
  }

  read(name: string, start: number, length: number): Promise<Buffer> {
    return this.#attempt("read", this.#pathOf(name), async ({ client, options }, path) => {
      try {
        const { data } = await client.readFile(path, { ...options, start, length });
        return data;
      } catch (error) {
        if (isMissing(error)) return Buffer.alloc(0);
        throw error;
      }
    });
  }

  write(name: string, offset: number, data: Uint8Array): Promise<void> {
    return this.#attempt("write", this.#pathOf(name), ({ client, options }, path) =>
      client.writeAt(path, offset, data, options),
    );
  }

  remove(name: string): Promise<void> {
    return this.#attempt("delete", this.#pathOf(name), async ({ client, options }, path) => {
      try {
        await client.remove(path, options);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  #attempt<Result>(
    operation: OperationName,
    path: FilePath,
    task: (attempt: Attempt, absolutePath: string) => Promise<Result>,
  ): Promise<Result> {
    return this.#pool.attempt(operation, path, (attempt) => task(attempt, this.#absolute(path)), { requests: 0 });
  }

  #pathOf(name: string): FilePath {
    return entryPath(this.#directory, name);
  }
}
