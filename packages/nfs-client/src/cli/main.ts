#!/usr/bin/env node
/** `nfs COMMAND nfs://HOST[:PORT]/PATH`: reads and changes files on any NFSv4.1 server. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { connectNfs } from "../client.ts";
import { messageOf } from "../errors.ts";
import { COMMANDS } from "./commands.ts";

const USAGE = `Usage: nfs COMMAND nfs://HOST[:PORT]/PATH [options]

  ls      list a directory            -l, --long       with type, mode, size and time
  cat     write a file to the standard output
  put     replace a file atomically   URL [FILE]       from FILE, or the standard input
  append  add to the end of a file    URL [FILE]       from FILE, or the standard input
  stat    show a file's attributes
  rm      remove a file or an empty directory
  bench   measure small files         --files N        how many (1000)
                                      --size BYTES     how large each (4096)
                                      --json           the result as one line of JSON

  --timeout SECONDS   for each operation (30)
  --uid N, --gid N    the user and group that the server sees (your own)
`;

class UsageError extends Error {}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      long: { type: "boolean", short: "l", default: false },
      json: { type: "boolean", default: false },
      files: { type: "string", default: "1000" },
      size: { type: "string", default: "4096" },
      timeout: { type: "string", default: "30" },
      uid: { type: "string" },
      gid: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const [name, url, source] = positionals;
  const command = name === undefined ? undefined : COMMANDS.get(name);
  if (name === undefined || command === undefined) {
    throw new UsageError(name === undefined ? "A command is missing" : `There is no command ${JSON.stringify(name)}`);
  }
  if (url === undefined) throw new UsageError("The URL is missing");
  const { host, port, path } = parseNfsUrl(url);
  const client = await connectNfs({
    host,
    ...(port === undefined ? {} : { port }),
    ...(values.uid === undefined ? {} : { uid: wholeNumber("uid", values.uid) }),
    ...(values.gid === undefined ? {} : { gid: wholeNumber("gid", values.gid) }),
    operationTimeout: positiveNumber("timeout", values.timeout) * 1000,
  });
  const interruption = new AbortController();
  process.once("SIGINT", () => interruption.abort(new Error("interrupted")));
  // Whoever reads our output may stop reading, as `head` does.
  process.stdout.once("error", (error) => interruption.abort(error));
  try {
    await command({
      client,
      path,
      source,
      long: values.long,
      json: values.json,
      files: positiveNumber("files", values.files),
      size: wholeNumber("size", values.size),
      signal: interruption.signal,
      write: async (text) => {
        interruption.signal.throwIfAborted();
        if (!process.stdout.write(text)) await once(process.stdout, "drain");
      },
      note: (text) => {
        if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
      },
    });
  } finally {
    await client.close();
  }
}

/** nfs://HOST[:PORT]/PATH, after RFC 2224. */
interface NfsUrl {
  readonly host: string;
  readonly port: number | undefined;
  readonly path: string;
}

/** @throws {UsageError} when the text is not such a URL. */
function parseNfsUrl(text: string): NfsUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "nfs:" || url.hostname === "") {
    throw new UsageError(`${JSON.stringify(text)} is not of the form nfs://HOST[:PORT]/PATH`);
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? undefined : Number(url.port),
    path: decodeURIComponent(url.pathname) || "/",
  };
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new UsageError(`--${name} is a whole number, not "${text}"`);
  return value;
}

function positiveNumber(name: string, text: string): number {
  const value = wholeNumber(name, text);
  if (value === 0) throw new UsageError(`--${name} must be more than 0`);
  return value;
}

function isParseArgsError(error: unknown): boolean {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

main().catch((error: unknown) => {
  const isUsage = error instanceof UsageError || isParseArgsError(error);
  process.stderr.write(`nfs: ${messageOf(error)}\n`);
  if (isUsage) process.stderr.write(`\n${USAGE}`);
  process.exitCode = isUsage ? 2 : 1;
});
