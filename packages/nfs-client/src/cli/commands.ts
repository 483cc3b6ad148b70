/** The commands of the command line. */
import { createReadStream } from "node:fs";
import type { NfsClient } from "../types.ts";
import { etagOf, type FileAttributes } from "../wire/operations/attributes.ts";
import { runBench } from "./bench.ts";

export interface CommandContext {
  readonly client: NfsClient;
  /** Path on the server. */
  readonly path: string;
  /** Local file to take data from; standard input when there is none. */
  readonly source: string | undefined;
  readonly long: boolean;
  readonly json: boolean;
  readonly files: number;
  readonly size: number;
  /** Ends the command; what it created is removed. */
  readonly signal: AbortSignal;
  readonly write: (text: string | Uint8Array) => Promise<void>;
  /** Shown on a terminal only; never part of the output. */
  readonly note: (text: string) => void;
}

export type Command = (context: CommandContext) => Promise<void>;

export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [ls, cat, put, append, stat, rm, bench].map((each) => [each.name, each]),
);

async function ls({ client, path, long, write }: CommandContext): Promise<void> {
  for await (const { name, attributes } of client.readDirectory(path)) {
    const shown = attributes.type === "directory" ? `${name}/` : name;
    await write(long ? `${describe(attributes)} ${shown}\n` : `${shown}\n`);
  }
}

async function cat({ client, path, write }: CommandContext): Promise<void> {
  const { body } = await client.openFile(path);
  for await (const chunk of body) await write(chunk);
}

async function put({ client, path, source }: CommandContext): Promise<void> {
  await client.writeFile(path, inputFrom(source));
}

async function append({ client, path, source }: CommandContext): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of inputFrom(source)) chunks.push(chunk);
  await client.appendFile(path, Buffer.concat(chunks));
}

async function stat({ client, path, write }: CommandContext): Promise<void> {
  const attributes = await client.stat(path);
  const { type, size, mode, modifiedAt, fileId } = attributes;
  const rows = {
    path,
    type,
    size,
    mode: mode.toString(8).padStart(4, "0"),
    modified: new Date(modifiedAt).toISOString(),
    inode: fileId,
    etag: etagOf(attributes),
  };
  for (const [name, value] of Object.entries(rows)) await write(`${name.padEnd(10)}${value}\n`);
}

async function rm({ client, path }: CommandContext): Promise<void> {
  await client.remove(path);
}

async function bench({ client, path, json, files, size, signal, write, note }: CommandContext): Promise<void> {
  const result = await runBench(client, path, { files, size, signal, onPhase: (name) => note(`${name} …`) });
  if (json) {
    await write(`${JSON.stringify(result)}\n`);
    return;
  }
  await write(`${files} files of ${size} bytes      one at a time    64 at once   COMPOUNDs a file\n`);
  const row = (name: string, one: number, many: number, compounds: number) =>
    `${name.padEnd(26)}${`${one}/s`.padStart(15)}${`${many}/s`.padStart(14)}${compounds.toFixed(2).padStart(19)}\n`;
  await write(row("read", result.sequentialReadsPerSecond, result.concurrentReadsPerSecond, result.compoundsPerRead));
  await write(
    row("write", result.sequentialWritesPerSecond, result.concurrentWritesPerSecond, result.compoundsPerWrite),
  );
}

function inputFrom(source: string | undefined): AsyncIterable<Uint8Array> {
  return source === undefined ? process.stdin : createReadStream(source, { highWaterMark: 256 * 1024 });
}

function describe({ type, mode, size, modifiedAt }: FileAttributes): string {
  const kind = type === "directory" ? "d" : type === "symbolic-link" ? "l" : "-";
  const modified = new Date(modifiedAt).toISOString().slice(0, 19).replace("T", " ");
  return `${kind}${mode.toString(8).padStart(4, "0")} ${String(size).padStart(12)} ${modified}`;
}
