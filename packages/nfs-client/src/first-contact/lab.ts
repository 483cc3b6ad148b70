/** What questions work with: connections and clients that are ended for them, and a directory. */
import { ConnectionError, ignoreNfsError, messageOf } from "../errors.ts";
import type { ServerAddress } from "../session/rpc-connection.ts";
import type { Operations } from "../wire/compound.ts";
import type { Stateid } from "../wire/data-types.ts";
import { write } from "../wire/operations/data.ts";
import { getFileHandle, putFileHandle } from "../wire/operations/file-handles.ts";
import { close, openByName } from "../wire/operations/opens-and-locks.ts";
import { type ClientOwner, destroyClientId, type ExchangedId, exchangeId } from "../wire/operations/sessions.ts";
import type { AuthSys } from "../wire/rpc.ts";
import { Client, type ClientOptions } from "./client.ts";
import { RawConnection } from "./raw-connection.ts";
import type { Workspace } from "./workspace.ts";

export interface Target {
  /** `host:port`. */
  readonly name: string;
  readonly address: ServerAddress;
}

export interface LabOptions {
  readonly targets: readonly [Target, ...Target[]];
  readonly credential: AuthSys;
  /** Milliseconds for each request. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** How much is measured. Times are milliseconds. */
export interface Effort {
  readonly reconnects: number;
  /** For the latency of each operation and shape. */
  readonly maximumSamples: number;
  readonly samplingTime: number;
  /** The numbers of connections that the throughput is measured over, and how long, in each direction. */
  readonly throughputConnections: readonly number[];
  readonly throughputTime: number;
  readonly throughputBytes: number;
  readonly throughputChunk: number;
}

const MEBIBYTE = 1024 * 1024;

export const FULL_EFFORT: Effort = {
  reconnects: 50,
  maximumSamples: 1000,
  samplingTime: 6_000,
  throughputConnections: [1, 2, 3, 4, 5, 6, 7, 8],
  throughputTime: 6_000,
  throughputBytes: 256 * MEBIBYTE,
  throughputChunk: MEBIBYTE,
};

export const QUICK_EFFORT: Effort = {
  reconnects: 50,
  maximumSamples: 20,
  samplingTime: 20,
  throughputConnections: [1, 2, 4, 8],
  throughputTime: 30,
  throughputBytes: 16 * MEBIBYTE,
  throughputChunk: 128 * 1024,
};

/** Milliseconds for ending one client, whatever has happened before. */
const END_TIMEOUT = 10_000;

/** How often that is tried, where connections are lost meanwhile. */
const MAX_ENDINGS = 3;

export interface OpenedFile {
  readonly handle: Buffer;
  readonly stateid: Stateid;
}

export class Lab {
  readonly targets: readonly [Target, ...Target[]];
  readonly workspace: Workspace;
  readonly effort: Effort;
  /** What could not be ended. */
  readonly leftBehind: string[];
  /** Says how much of a question is answered, from 0 to 1. */
  onProgress: (fraction: number, label: string) => void = () => {};
  readonly #options: LabOptions;
  readonly #connections = new Set<RawConnection>();
  readonly #clients = new Map<Client, Target>();
  #names = 0;

  constructor(options: LabOptions, workspace: Workspace, effort: Effort, leftBehind: string[] = []) {
    this.#options = options;
    this.targets = options.targets;
    this.workspace = workspace;
    this.effort = effort;
    this.leftBehind = leftBehind;
  }

  get credential(): AuthSys {
    return this.#options.credential;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** The same, for work that goes on when the questions are interrupted. What it leaves behind counts here. */
  forCleaning(timeout: number): Lab {
    const signal = AbortSignal.timeout(timeout);
    return new Lab({ ...this.#options, timeout, signal }, this.workspace, this.effort, this.leftBehind);
  }

  /** A name that nothing in the workspace has yet. */
  newName(): string {
    this.#names += 1;
    return `file-${this.#names}`;
  }

  /** @param credential Default: the user that first contact runs as. */
  async connect(target: Target = this.targets[0], credential = this.credential): Promise<RawConnection> {
    const { timeout, signal } = this.#options;
    const connection = await RawConnection.open({ address: target.address, credential, timeout, signal });
    this.#connections.add(connection);
    return connection;
  }

  /** A client over a connection, which was made to `target`. */
  async client(
    connection: RawConnection,
    target: Target = this.targets[0],
    options: ClientOptions = {},
  ): Promise<Client> {
    const client = new Client(connection, options);
    // From before the server hears of it.
    this.#clients.set(client, target);
    await client.start();
    return client;
  }

  /** A client over a connection of its own. */
  async connectClient(target: Target = this.targets[0], credential = this.credential): Promise<Client> {
    return this.client(await this.connect(target, credential), target);
  }

  /** Asks over a connection who a client is (EXCHANGE_ID). A record that is made by asking is removed. */
  async identify(connection: RawConnection, owner: ClientOwner, target = this.targets[0]): Promise<ExchangedId> {
    const asking = new Client(connection, { owner });
    this.#clients.set(asking, target);
    const exchange = exchangeId(owner);
    const found = (await connection.send([exchange])).orThrow().of(exchange);
    if (!found.confirmed) (await connection.send([destroyClientId(found.clientId)])).orThrow();
    this.#clients.delete(asking);
    return found;
  }

  disconnect(connection: RawConnection): void {
    this.#connections.delete(connection);
    connection.close();
  }

  /** Ends a client, over its own connection or another that knows it. */
  async end(client: Client, connection = client.connection): Promise<void> {
    const target = this.#clients.get(client);
    if (target === undefined) return;
    this.#clients.delete(client);
    const left = await this.#end(client, target, connection);
    if (left !== undefined) this.leftBehind.push(`at ${target.name}: ${left}`);
  }

  /** Ends all that was not ended. Never fails; what it cannot end is {@link leftBehind}. */
  async release(): Promise<void> {
    const clients = [...this.#clients.keys()].reverse();
    const names = new Set(clients.map(({ owner }) => owner.name));
    // Incarnations of one client would end each other.
    const endAll = async (name: string) => {
      for (const client of clients) if (client.owner.name === name) await this.end(client);
    };
    await Promise.all([...names].map(endAll));
    for (const connection of this.#connections) this.disconnect(connection);
  }

  async #end(client: Client, target: Target, connection: RawConnection): Promise<string | undefined> {
    let reason: string | undefined;
    for (let attempt = 1; attempt <= MAX_ENDINGS; attempt++) {
      try {
        reason = await this.#tryToEnd(client, target, connection);
        break;
      } catch (error) {
        ignoreNfsError(error);
        reason = messageOf(error);
        // Over another connection then: this one is lost.
        if (!(error instanceof ConnectionError)) break;
      }
    }
    return reason && `the client record "${client.owner.name}", until its lease ends: ${reason}`;
  }

  async #tryToEnd(client: Client, target: Target, connection: RawConnection): Promise<string | undefined> {
    const ending = { timeout: END_TIMEOUT, signal: AbortSignal.timeout(END_TIMEOUT) };
    if (connection.alive) return client.end(connection.with(ending), true);
    const { credential } = client.connection.options;
    const another = await RawConnection.open({ address: target.address, credential, ...ending });
    try {
      return await client.end(another, false);
    } finally {
      another.close();
    }
  }
}

/** Creates a file with `data` in the workspace, and closes it. Returns its handle. */
export async function createFile(lab: Lab, client: Client, name: string, data: Buffer): Promise<Buffer> {
  const { handle, stateid } = await openNew(lab, client, name);
  const step = client.session.channel.maximumRequestSize - 4096;
  for (let offset = 0; offset < data.length; offset += step) {
    const part = { offset, data: [data.subarray(offset, offset + step)], durable: true };
    (await client.run([putFileHandle(handle), write(stateid, part)])).orThrow(name);
  }
  (await client.run([putFileHandle(handle), close(stateid)])).orThrow(name);
  return handle;
}

/** Creates a file in the workspace, and leaves it open for writing. */
export async function openNew(lab: Lab, client: Client, name: string, owner = "owner"): Promise<OpenedFile> {
  const create = { how: "unchecked", mode: lab.workspace.fileMode } as const;
  return openIn(client, lab.workspace.handle, name, { owner, access: "write", create });
}

interface OpenOptions {
  readonly owner?: string;
  readonly access: "read" | "write";
  readonly create?: { readonly how: "guarded" | "unchecked"; readonly mode: number | undefined };
}

export async function openIn(
  client: Client,
  directory: Buffer,
  name: string,
  { owner = "owner", access, create }: OpenOptions,
): Promise<OpenedFile> {
  const open = openByName({ owner: client.stateOwner(owner), access, name, ...(create && { create }) });
  const handle = getFileHandle();
  const operations: Operations = [putFileHandle(directory), open, handle];
  const reply = (await client.run(operations)).orThrow(name);
  return { handle: reply.of(handle), stateid: reply.of(open) };
}
