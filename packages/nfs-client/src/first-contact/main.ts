#!/usr/bin/env node
/** `first-contact nfs://HOST[:PORT]/PATH [nfs://…]`: what an NFSv4.1 server does with our client, over plain TCP. */
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { parseLocation, UsageError } from "../cli/location.ts";
import { positiveNumber, wholeNumber } from "../cli/numbers.ts";
import { messageOf } from "../errors.ts";
import { type CommandOptions, runFirstContact } from "./command.ts";

const USAGE = `Usage: first-contact nfs://HOST[:PORT]/PATH [nfs://HOST[:PORT]/PATH …] [options]

Finds out in about ten minutes what a server grants, supports and shares, and what the router does about it. Several URLs
are mount targets of one file system, with the same path. It works in a directory of its own in PATH, and removes it.

  --quick             in seconds, with latencies of few samples
  --json              end with one line of JSON
  --timeout SECONDS   for each request (30)
  --uid N, --gid N    the user and group that the server sees (your own)
`;

const NFS_PORT = 2049;

const MAX_UINT32 = 0xffff_ffff;

function readOptions(): CommandOptions | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      timeout: { type: "string", default: "30" },
      uid: { type: "string" },
      gid: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const [first, ...others] = positionals.map(parseTarget);
  if (first === undefined) throw new UsageError("The URL of a mount target is missing");
  for (const { host, port, path } of others) {
    if (path === first.path) continue;
    throw new UsageError(`${host}:${port} has another path than ${first.path}: all must have the same`);
  }
  return {
    targets: [first, ...others],
    path: first.path,
    credential: {
      machineName: hostname().slice(0, 64),
      uid: values.uid === undefined ? (process.getuid?.() ?? 0) : wholeNumber("uid", values.uid, MAX_UINT32),
      gid: values.gid === undefined ? (process.getgid?.() ?? 0) : wholeNumber("gid", values.gid, MAX_UINT32),
      gids: [],
    },
    quick: values.quick,
    json: values.json,
    timeout: positiveNumber("timeout", values.timeout, 3600) * 1000,
  };
}

function parseTarget(text: string) {
  const { server, path } = parseLocation(text);
  if (server === undefined) throw new UsageError(`${JSON.stringify(text)} names no server: nfs://HOST[:PORT]/PATH`);
  return { host: server.host, port: server.port ?? NFS_PORT, path };
}

function isUsage(error: unknown): boolean {
  if (error instanceof UsageError) return true;
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

async function main(): Promise<number> {
  let options: CommandOptions | undefined;
  try {
    options = readOptions();
  } catch (error) {
    if (!isUsage(error)) throw error;
    process.stderr.write(`first-contact: ${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options !== undefined) return runFirstContact(options);
  process.stdout.write(USAGE);
  return 0;
}

process.exitCode = await main();
