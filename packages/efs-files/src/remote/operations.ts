/** What {@link Files} is made of, as requests to the router. */
import type { Deadline } from "../deadline.ts";
import { FileError, isCode } from "../errors.ts";
import type { Meanings } from "../nfs-status.ts";
import type { Condition, FileOperations, ListedEntry, Path } from "../operations.ts";
import { attributesOf, versionOf } from "./attributes.ts";
import { batch } from "./batch.ts";
import { exchange } from "./exchange.ts";
import { type HttpClient, type HttpResponse, StreamedBody } from "./http-client.ts";
import { parsed } from "./parsed.ts";
import { read } from "./reading.ts";
import { remove, removeTree } from "./removal.ts";
import { directoryPage } from "./schemas.ts";
import { stat } from "./stat.ts";
import { conditionHeaders, decodePath, directoryTarget, fileTarget } from "./targets.ts";

/** An archive without files: two blocks of zeros (POSIX, pax, "ustar Interchange Format"). */
const EMPTY_TAR = Buffer.alloc(1024);

const PAGE_SIZE = 1_000;

export function operationsOver(http: HttpClient): FileOperations {
  return {
    read: (path, range, deadline) => read(http, path, range, deadline),

    async write(path, data, when, deadline) {
      const body = Buffer.isBuffer(data) ? data : new StreamedBody(data);
      const effect = when === undefined ? "idempotent" : "conditional";
      const accept = async ({ status, headers, body }: HttpResponse) => {
        await body.dump();
        return { ...versionOf(headers), created: status === 201 };
      };
      const call = { method: "PUT", target: fileTarget(path), body, effect, path, accept } as const;
      return exchange(http, { ...call, ...under(when) }, deadline);
    },

    async append(path, data, when, deadline) {
      const effect = when === undefined ? "once" : "conditional";
      const accept = async ({ headers, body }: HttpResponse) => {
        await body.dump();
        return versionOf(headers);
      };
      const call = { method: "POST", target: `${fileTarget(path)}?append`, body: data, effect, path, accept } as const;
      return exchange(http, { ...call, ...under(when) }, deadline);
    },

    stat: (path, deadline) => stat(http, path, deadline),
    list: (path, deadline) => list(http, path, deadline),

    async makeDirectory(path, deadline) {
      const call = {
        method: "PUT",
        target: `${directoryTarget(path)}?extract=tar`,
        body: EMPTY_TAR,
        effect: "idempotent",
        path,
        meanings: { NFS4ERR_EXIST: "ENOTDIR", 409: "ENOTDIR" },
      } as const;
      try {
        await exchange(http, { ...call, accept: ({ body }) => body.dump() }, deadline);
      } catch (error) {
        // The router does not say which of the names is no directory.
        if (isCode(error, "ENOTDIR") && (await isThere(http, path, deadline))) {
          throw new FileError("EEXIST", `There is something else already: ${path}`, { path, cause: error });
        }
        throw error;
      }
    },

    remove: (path, ifMatch, deadline) => remove(http, path, ifMatch, deadline),
    removeTree: (path, deadline) => removeTree(http, path, deadline),
    batch: (operations, deadline) => batch(http, operations, deadline),
    close: () => http.close(),
  };
}

/** The condition of a write, and what it means that it does not hold; or that there is something else without it. */
function under(when: Condition) {
  const meanings: Meanings = when === "absent" ? { 412: "EEXIST" } : { NFS4ERR_EXIST: "EISDIR", 409: "EISDIR" };
  return { headers: conditionHeaders(when), meanings };
}

async function isThere(http: HttpClient, path: Path, deadline: Deadline): Promise<boolean> {
  try {
    await stat(http, path, deadline);
    return true;
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

async function* list(http: HttpClient, path: Path, deadline: Deadline): AsyncGenerator<ListedEntry> {
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(cursor !== undefined && { cursor }) });
    const call = {
      method: "GET",
      target: `${directoryTarget(path)}?${query}`,
      headers: { accept: "application/json" },
      effect: "none",
      path,
      meanings: { 409: "ENOTDIR" },
    } as const;
    const accept = async ({ body }: HttpResponse) => parsed(directoryPage, await body.text());
    const page = await exchange(http, { ...call, accept }, deadline);
    for (const { name, encodedName, ...described } of page.entries) {
      yield { name: encodedName === undefined ? name : decodePath(encodedName), ...attributesOf(described) };
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}
