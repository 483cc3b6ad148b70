/** A client whose operations end when a signal says so. */
import type { NfsClient, OperationOptions } from "../types.ts";

/** The same client, with `signal` for every operation that is not given one of its own. */
export function bindClient(client: NfsClient, signal: AbortSignal): NfsClient {
  const bound = <Options extends OperationOptions>(options?: Options) => ({ signal, ...options });
  return {
    name: client.name,
    as: (identity) => bindClient(client.as(identity), signal),
    get serverOwner() {
      return client.serverOwner;
    },
    readFile: (path, options) => client.readFile(path, bound(options)),
    openFile: (path, options) => client.openFile(path, bound(options)),
    readContent: (path, options) => client.readContent(path, { signal, ...options }),
    readSmallFiles: (requests, options) => client.readSmallFiles(requests, bound(options)),
    writeFile: (path, data, options) => client.writeFile(path, data, bound(options)),
    appendFile: (path, data, options) => client.appendFile(path, data, bound(options)),
    writeAt: (path, offset, data, options) => client.writeAt(path, offset, data, bound(options)),
    stat: (path, options) => client.stat(path, bound(options)),
    exists: (path, options) => client.exists(path, bound(options)),
    remove: (path, options) => client.remove(path, bound(options)),
    removeFiles: (paths, options) => client.removeFiles(paths, bound(options)),
    rename: (from, to, options) => client.rename(from, to, bound(options)),
    makeDirectory: (path, options) => client.makeDirectory(path, bound(options)),
    owners: (path, options) => client.owners(path, bound(options)),
    setAttributes: (path, changes, options) => client.setAttributes(path, changes, bound(options)),
    readLink: (path, options) => client.readLink(path, bound(options)),
    makeSymbolicLink: (path, target, options) => client.makeSymbolicLink(path, target, bound(options)),
    readDirectory: (path, options) => client.readDirectory(path, bound(options)),
    removeOrphans: (path, options) => client.removeOrphans(path, { signal, ...options }),
    ping: (options) => client.ping(bound(options)),
    fence: (other, options) => client.fence(other, bound(options)),
    statistics: () => client.statistics(),
    close: () => client.close(),
    [Symbol.asyncDispose]: () => client.close(),
  };
}
