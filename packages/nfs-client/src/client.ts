/** The client: a channel to one server, and the file operations over it. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { ignoreNfsError } from "./errors.ts";
import { appendTo } from "./files/appending.ts";
import { cleanupOptions, contextOf, type FileContext, KeyedMutex, runOptions } from "./files/context.ts";
import { makeDirectoryAt, pathExists, removePath, renamePath, statPath } from "./files/directories.ts";
import { listDirectory } from "./files/listing.ts";
import { LostLocks } from "./files/lost-locks.ts";
import { changeAttributes, makeLinkAt, ownersOf, readLinkAt } from "./files/metadata.ts";
import { removeOrphans } from "./files/orphans.ts";
import { MAX_LOCKED_FILES, MAX_OPEN_FILES, OwnerNames } from "./files/owners.ts";
import { openForReading, readContent, readWhole } from "./files/reading.ts";
import { readSmallFiles } from "./files/reading-many.ts";
import { removeFiles } from "./files/removing-many.ts";
import { writeWhole } from "./files/writing.ts";
import { writeInPlace } from "./files/writing-in-place.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { Channel } from "./session/channel.ts";
import { DEFAULT_SLOTS } from "./session/session.ts";
import type { NfsClient, NfsClientOptions } from "./types.ts";
import type { Identity } from "./wire/rpc.ts";

/** Where NFSv4 servers listen (RFC 8881 §2.9.3). */
export const NFS_PORT = 2049;
export const DEFAULT_OPERATION_TIMEOUT = 30_000;
const DEFAULT_CONNECT_TIMEOUT = 5000;
const DEFAULT_SILENCE_LIMIT = 5000;
const DEFAULT_FILE_MODE = 0o644;
const DEFAULT_DIRECTORY_MODE = 0o755;

/**
 * Connects to a server and makes a session on it. Does not retry; the client it returns reconnects by itself.
 *
 * @throws {ConnectionError | DeadlineError | ProtocolError}
 */
export async function connectNfs(options: NfsClientOptions): Promise<NfsClient> {
  const { name, channel } = await openChannel(options);
  const context: FileContext = {
    channel,
    ownerPrefix: "",
    openOwners: new OwnerNames("open", MAX_OPEN_FILES),
    lockOwners: new OwnerNames("lock", MAX_LOCKED_FILES),
    lostLocks: new LostLocks(),
    appendMutex: new KeyedMutex(),
    memory: options.memory ?? new MemoryBudget(),
    fileMode: options.fileMode ?? DEFAULT_FILE_MODE,
    directoryMode: options.directoryMode ?? DEFAULT_DIRECTORY_MODE,
    operationTimeout: options.operationTimeout ?? DEFAULT_OPERATION_TIMEOUT,
  };
  return clientOf(name, context);
}

function clientOf(name: string, context: FileContext): NfsClient {
  const { channel } = context;
  const others = new WeakMap<Identity, NfsClient>();
  return {
    name,
    get serverOwner() {
      return channel.serverOwner;
    },
    as: (identity) => {
      const other = others.get(identity) ?? clientOf(name, contextOf(context, identity));
      others.set(identity, other);
      return other;
    },
    readFile: (path, each) => readWhole(context, path, each),
    openFile: (path, each) => openForReading(context, path, each),
    readContent: (path, each) => readContent(context, path, each),
    readSmallFiles: (requests, each) => readSmallFiles(context, requests, each),
    writeFile: (path, data, each) => writeWhole(context, path, data, each),
    appendFile: (path, data, each) => appendTo(context, path, data, each),
    writeAt: (path, offset, data, each) => writeInPlace(context, path, { offset, data }, each),
    stat: (path, each) => statPath(context, path, each),
    exists: (path, each) => pathExists(context, path, each),
    remove: (path, each) => removePath(context, path, each),
    removeFiles: (paths, each) => removeFiles(context, paths, each),
    rename: (from, to, each) => renamePath(context, from, to, each),
    makeDirectory: (path, each) => makeDirectoryAt(context, path, each),
    owners: (path, each) => ownersOf(context, path, each),
    setAttributes: (path, changes, each) => changeAttributes(context, path, changes, each),
    readLink: (path, each) => readLinkAt(context, path, each),
    makeSymbolicLink: (path, target, each) => makeLinkAt(context, path, target, each),
    readDirectory: (path, each) => listDirectory(context, path, each),
    removeOrphans: (path, each) => removeOrphans(context, path, each),
    ping: (each) => channel.ping(runOptions(context, each)),
    fence: (client, each) => channel.fence(client, runOptions(context, each)),
    statistics: () => ({ ...channel.statistics }),
    close: () => closeClient(context),
    [Symbol.asyncDispose]: () => closeClient(context),
  };
}

/** What was aborted shortly before is cleaned up first, as long as the server replies: nobody else would do it. */
async function closeClient({ channel, openOwners, lockOwners }: FileContext): Promise<void> {
  if (channel.connected) {
    const cleanedUp = Promise.all([openOwners.settled(), lockOwners.settled()]);
    await cleanupOptions().deadline.race(cleanedUp).catch(ignoreNfsError);
  }
  await channel.close();
}

/** A session on a server, by a client with a name of its own. */
export async function openChannel(options: NfsClientOptions): Promise<{ name: string; channel: Channel }> {
  const name = `${hostname()} ${process.pid} ${randomBytes(8).toString("hex")}`;
  const channel = await Channel.open({
    address: { host: options.host, port: options.port ?? NFS_PORT, tls: options.tls },
    credential: {
      machineName: hostname().slice(0, 64),
      uid: options.uid ?? process.getuid?.() ?? 0,
      gid: options.gid ?? process.getgid?.() ?? 0,
      gids: [],
    },
    clientName: name,
    signal: options.signal,
    slots: options.slots ?? DEFAULT_SLOTS,
    connections: options.connections ?? 1,
    connectTimeout: options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT,
    sessionTimeout: options.sessionTimeout ?? options.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT,
    silenceLimit: options.silenceLimit ?? DEFAULT_SILENCE_LIMIT,
    onSilence: options.onSilence ?? (() => {}),
    onHeard: options.onHeard ?? (() => {}),
  });
  return { name, channel };
}
