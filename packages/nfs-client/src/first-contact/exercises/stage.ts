/** What exercises are done with: single operations, and what the client does with files. */
import type { CompoundReply, Operations } from "../../wire/compound.ts";
import type { Stateid } from "../../wire/data-types.ts";
import { putFileHandle } from "../../wire/operations/file-handles.ts";
import { close, type StateOwner } from "../../wire/operations/opens-and-locks.ts";
import type { Client } from "../client.ts";
import { createFile, type Lab, type OpenedFile, openIn, openNew } from "../lab.ts";
import { walkTo } from "../workspace.ts";

/** Sends a COMPOUND in a session. @throws {NfsStatusError | TooManyOperationsError} */
export type Send = (operations: Operations) => Promise<CompoundReply>;

export interface Exercise {
  readonly name: string;
  /** Does it once. What goes through `send` is measured, all else is preparation. */
  readonly run: (stage: Stage, send: Send) => Promise<void>;
}

/** Bytes of a small file. */
export const SMALL = 4096;

export class Stage {
  readonly client: Client;
  /** PUTFH of the workspace, and the whole way there from the root. */
  readonly directory: Operations[number];
  readonly walk: Operations;
  /** A small file, which is open for reading and for writing. */
  readonly file: { readonly name: string; readonly handle: Buffer; readonly read: Stateid; readonly write: Stateid };
  readonly data: Buffer;
  /** Bytes of the largest READ and WRITE. */
  readonly largest: number;
  readonly #lab: Lab;

  private constructor(lab: Lab, client: Client, file: Stage["file"], data: Buffer) {
    this.#lab = lab;
    this.client = client;
    this.file = file;
    this.data = data;
    this.directory = putFileHandle(lab.workspace.handle);
    this.walk = walkTo(lab.workspace.names);
    const { maximumRequestSize, maximumResponseSize } = client.session.channel;
    const envelope = 4096;
    this.largest = Math.min(1024 * 1024, maximumRequestSize - envelope, maximumResponseSize - envelope);
  }

  static async build(lab: Lab): Promise<Stage> {
    const client = await lab.connectClient();
    const name = lab.newName();
    const data = Buffer.alloc(SMALL, "x");
    const handle = await createFile(lab, client, name, data);
    const { stateid: read } = await openIn(client, lab.workspace.handle, name, { owner: "reader", access: "read" });
    const { stateid: write } = await openIn(client, lab.workspace.handle, name, { owner: "writer", access: "write" });
    return new Stage(lab, client, { name, handle, read, write }, data);
  }

  get owner(): StateOwner {
    return this.client.stateOwner("owner");
  }

  /** Whose open for writing the file has. A lock has the owner of its open: nfs-ganesha takes no other from then on. */
  get writer(): StateOwner {
    return this.client.stateOwner("writer");
  }

  get fileMode(): number | undefined {
    return this.#lab.workspace.fileMode;
  }

  get directoryMode(): number | undefined {
    return this.#lab.workspace.modeOf(0o755);
  }

  newName(): string {
    return this.#lab.newName();
  }

  async prepare(operations: Operations): Promise<CompoundReply> {
    return (await this.client.run(operations)).orThrow();
  }

  /** A new file with the small data, closed. */
  async newFile(): Promise<{ readonly name: string; readonly handle: Buffer }> {
    const name = this.newName();
    return { name, handle: await createFile(this.#lab, this.client, name, this.data) };
  }

  /** A new, empty file, open for writing. */
  async newOpenFile(): Promise<OpenedFile & { readonly name: string }> {
    const name = this.newName();
    return { name, ...(await openNew(this.#lab, this.client, name)) };
  }

  async closeFile({ handle, stateid }: OpenedFile): Promise<void> {
    await this.prepare([putFileHandle(handle), close(stateid)]);
  }
}
