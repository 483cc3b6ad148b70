/** Archives in the zip format (PKWARE APPNOTE 6.3). */
import { Readable } from "node:stream";
import { constants } from "node:zlib";
import type { FileAttributes } from "nfs-client";
import ZipStream, { type FileDataInput } from "zip-stream";
import { type ArchiveEntry, NotArchivableError, type Omission } from "./archive.ts";
import { encoded } from "./encoded.ts";
import { Omissions } from "./omissions.ts";

/** A zip ends with the list of its entries, which is in memory until then. */
const MAX_ENTRIES = 50_000;

/** The years that a zip can say. */
const FIRST_TIME = Date.UTC(1980, 0);
const LAST_TIME = Date.UTC(2107, 11, 31);

/** There are more entries than a zip may have here. */
class TooManyEntriesError extends Error {
  override readonly name = "TooManyEntriesError";
}

/**
 * @param describe What is said of an omission, in the entry at the end that names them.
 * @throws {TooManyEntriesError} behind what fits.
 */
export function zipOf(
  entries: AsyncIterable<ArchiveEntry>,
  describe: (omission: Omission) => object,
): AsyncGenerator<Buffer> {
  const zip = new ZipWriter();
  return encoded(zip.stream, () => writeEntries(zip, entries, new Omissions(describe)));
}

async function writeEntries(zip: ZipWriter, entries: AsyncIterable<ArchiveEntry>, omissions: Omissions): Promise<void> {
  let count = 0;
  for await (const entry of entries) {
    if (entry.kind === "omission") {
      omissions.add(entry);
      continue;
    }
    count += 1;
    if (count > MAX_ENTRIES) throw new TooManyEntriesError(`A zip has at most ${MAX_ENTRIES} entries here`);
    const { path, name, attributes } = entry;
    if (name.includes("\\")) {
      const reason = new NotArchivableError("The name has a backslash, which a zip takes for a slash");
      omissions.add({ kind: "omission", path, reason });
    } else if (entry.kind === "directory") {
      await zip.write(Buffer.alloc(0), { name: `${name}/`, type: "directory", ...headerOf(attributes) });
    } else {
      await writeFile(zip, entry.content, { name, type: "file", ...headerOf(attributes) });
    }
  }
  const list = omissions.list();
  if (list !== undefined) await zip.write(list.content, { name: list.name });
}

async function writeFile(zip: ZipWriter, content: Buffer | AsyncIterable<Buffer>, header: Header): Promise<void> {
  if (Buffer.isBuffer(content)) return zip.write(content, header);
  const stream = Readable.from(content);
  try {
    await zip.write(stream, header);
  } finally {
    // Where the archive was ended, the library leaves it open.
    stream.destroy();
  }
}

function headerOf({ mode, modifiedAt }: FileAttributes) {
  return { mode, date: new Date(Math.min(Math.max(modifiedAt, FIRST_TIME), LAST_TIME)) };
}

type Header = FileDataInput & { readonly name: string };

/** The library, which takes one entry after the other. */
class ZipWriter {
  /** At the fastest level: others take the time of a processor that all requests share. */
  readonly stream = new ZipStream({ level: constants.Z_BEST_SPEED });
  #abandon: (reason: Error) => void = () => {};

  constructor() {
    this.stream.once("close", () => this.#abandon(new Error("The archive was ended")));
  }

  /** Resolves when the library is done with an entry. */
  write(content: Buffer | Readable, { name, ...header }: Header): Promise<void> {
    // The library takes what stands before a colon for a drive.
    const safeName = /^\w+:/.test(name) ? `./${name}` : name;
    return new Promise((resolve, reject) => {
      this.#abandon = reject;
      this.stream.entry(content, { name: safeName, ...header }, (error) => (error ? reject(error) : resolve()));
    });
  }
}
