#!/usr/bin/env node
/** `nfs COMMAND nfs://HOST[:PORT]/PATH`: reads and changes files on any NFSv4.1 server, over plain TCP. */
import { connectNfs } from "../client.ts";
import { runCommandLine } from "./command-line.ts";
import { UsageError } from "./location.ts";

process.exitCode = await runCommandLine({
  arguments: process.argv.slice(2),
  places: "nfs://HOST[:PORT]/PATH",
  connect: async (server, options) => {
    if (server === undefined) throw new UsageError("The server is missing: nfs://HOST[:PORT]/PATH");
    const { host, port } = server;
    return connectNfs({ ...options, host, ...(port === undefined ? {} : { port }) });
  },
});
