/** Archives in the tar format (POSIX.1-2017, pax Interchange Format). */
import type { FileAttributes } from "nfs-client";
import { pack as makePack, type Pack } from "tar-stream";
import type { ArchiveEntry, Omission } from "./archive.ts";
import { encoded } from "./encoded.ts";
import { Omissions } from "./omissions.ts";

/** Bytes that are ready to be taken, at most, besides one entry. */
const READY = 256 * 1024;

type Header = Parameters<Pack["entry"]>[0];

/** Bit of a mode that says nothing to tar, but that there is a mode: tar-stream takes 0 for none. */
const REGULAR = 0o100_000;

/** The latest time that the library writes into a header, in milliseconds since 1970. */
const MAX_TIME = (2 ** 31 - 1) * 1000;

/** @param describe What is said of an omission, in the entry at the end that names them. */
export function tarOf(
  entries: AsyncIterable<ArchiveEntry>,
  describe: (omission: Omission) => object,
): AsyncGenerator<Buffer> {
  const pack = makePack({ highWaterMark: READY });
  return encoded(pack, () => writeEntries(pack, entries, new Omissions(describe)));
}

async function writeEntries(pack: Pack, entries: AsyncIterable<ArchiveEntry>, omissions: Omissions): Promise<void> {
  for await (const entry of entries) {
    if (entry.kind === "omission") omissions.add(entry);
    else if (entry.kind === "directory") {
      await ended((done) =>
        pack.entry({ name: `${entry.name}/`, type: "directory", ...headerOf(entry.attributes) }, done),
      );
    } else await writeFile(pack, entry);
  }
  const list = omissions.list();
  if (list !== undefined) await ended((done) => pack.entry({ name: list.name, mode: 0o644 }, list.content, done));
}

async function writeFile(pack: Pack, { name, attributes, content }: Extract<ArchiveEntry, { kind: "file" }>) {
  const header = { name, type: "file", size: attributes.size, ...headerOf(attributes) } as const;
  if (Buffer.isBuffer(content)) return ended((done) => pack.entry(header, content, done));
  const chunks = content[Symbol.asyncIterator]();
  try {
    await writeChunks(pack, header, chunks);
  } finally {
    await chunks.return?.();
  }
}

async function writeChunks(pack: Pack, header: Header, chunks: AsyncIterator<Buffer>): Promise<void> {
  let sink: ReturnType<Pack["entry"]> | undefined;
  const writing = ended((done) => {
    sink = pack.entry(header, done);
  });
  // It is awaited at the end; until then its failure must not count as unhandled.
  writing.catch(() => {});
  try {
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      if (sink?.write(next.value) === false) await Promise.race([writing, drained(sink)]);
    }
    sink?.end(null);
  } catch (error) {
    sink?.destroy(error instanceof Error ? error : undefined);
    throw error;
  }
  return writing;
}

function drained(sink: ReturnType<Pack["entry"]>): Promise<void> {
  return new Promise((resolve) => sink.once("drain", () => resolve()));
}

function headerOf({ mode, modifiedAt }: FileAttributes) {
  const time = Math.max(0, modifiedAt);
  const late = time > MAX_TIME ? { pax: { mtime: (time / 1000).toFixed(3) } } : {};
  return { mode: REGULAR | mode, mtime: new Date(Math.min(time, MAX_TIME)), ...late };
}

/** Resolves when the library is done with an entry, and its bytes have been taken. */
function ended(write: (done: (error?: Error | null) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    write((error) => (error ? reject(error) : resolve()));
  });
}
