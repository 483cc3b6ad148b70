/** Bytes of files: cat, put, append. */
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { addAbortSignal } from "node:stream";
import { type Command, type CommandContext, operand } from "../command.ts";
import { UsageError } from "../location.ts";

export const cat: Command = {
  name: "cat",
  operands: "FILE",
  minOperands: 1,
  maxOperands: 1,
  summary: "write a file to the standard output",
  flags: {},
  async run(context) {
    const { client, path } = await openFile(context);
    const { body } = await client.openFile(path);
    for await (const chunk of body) await context.write(chunk);
  },
};

export const put: Command = {
  name: "put",
  operands: "FILE [LOCAL]",
  minOperands: 1,
  maxOperands: 2,
  summary: "replace a file atomically, from LOCAL or the standard input; DIRECTORY/ takes LOCAL's name",
  flags: {},
  async run(context) {
    const local = context.operands[1];
    const { client, path, isDirectory } = await context.open(operand(context, 0));
    if (!isDirectory) {
      await client.writeFile(path, inputFrom(context, local));
      return;
    }
    if (local === undefined) throw new UsageError("A place that ends in / names a directory: the file needs a name");
    const name = basename(local);
    if (name.includes("\ufffd"))
      throw new UsageError("The local name is not UTF-8: say which name the file is to have");
    // Into a directory that is there, as cp does.
    await client.writeFile(`${path}/${name}`, inputFrom(context, local), { createParents: false });
  },
};

export const append: Command = {
  name: "append",
  operands: "FILE [LOCAL]",
  minOperands: 1,
  maxOperands: 2,
  summary: "add to the end of a file, from LOCAL or the standard input",
  flags: {},
  async run(context) {
    const { client, path } = await openFile(context);
    const chunks: Uint8Array[] = [];
    for await (const chunk of inputFrom(context, context.operands[1])) chunks.push(chunk);
    await client.appendFile(path, Buffer.concat(chunks));
  },
};

async function openFile(context: CommandContext) {
  const target = await context.open(operand(context, 0));
  if (target.isDirectory) throw new UsageError("A place that ends in / names a directory, not a file");
  return target;
}

function inputFrom({ signal }: CommandContext, local: string | undefined): AsyncIterable<Uint8Array> {
  return addAbortSignal(
    signal,
    local === undefined ? process.stdin : createReadStream(local, { highWaterMark: 256 * 1024 }),
  );
}
