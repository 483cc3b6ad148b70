/** Files in a directory of the routers' own. They count neither as requests for paths, nor as bytes of clients. */
import { isMissing } from "nfs-client";
import { type DirectoryPath, entryPath, type FilePath } from "./routing/path.ts";
import type { TargetPool } from "./targets/target-pool.ts";

export interface OwnFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, by the server's clock. */
  readonly modifiedAt: number;
}

export class OwnFiles {
  readonly #pool: TargetPool;
  readonly #directory: FilePath;
  readonly #absolute: (path: DirectoryPath) => string;

  constructor(pool: TargetPool, directory: FilePath, absolute: (path: DirectoryPath) => string) {
    this.#pool = pool;
    this.#directory = directory;
    this.#absolute = absolute;
  }

  list(): Promise<readonly OwnFile[]> {
    return this.#pool.attempt("list", this.#directory, async ({ client, options }) => {
      const files: OwnFile[] = [];
      try {
        for await (const { name, attributes } of client.readDirectory(this.#absolute(this.#directory), options)) {
          files.push({ name, size: attributes.size, modifiedAt: attributes.modifiedAt });
        }
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      return files;
    });
  }

  read(name: string, start: number, length: number): Promise<Buffer> {
    const path = this.#pathOf(name);
    return this.#pool.attempt("read", path, async ({ client, options }) => {
      try {
        const { data } = await client.readFile(this.#absolute(path), { ...options, start, length });
        return data;
      } catch (error) {
        if (isMissing(error)) return Buffer.alloc(0);
        throw error;
      }
    });
  }

  write(name: string, offset: number, data: Uint8Array): Promise<void> {
    const path = this.#pathOf(name);
    return this.#pool.attempt("write", path, ({ client, options }) =>
      client.writeAt(this.#absolute(path), offset, data, options),
    );
  }

  async remove(name: string): Promise<void> {
    const path = this.#pathOf(name);
    await this.#pool.attempt("delete", path, async ({ client, options }) => {
      try {
        await client.remove(this.#absolute(path), options);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  #pathOf(name: string): FilePath {
    return entryPath(this.#directory, name);
  }
}
