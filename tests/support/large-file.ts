/**
 * Writes a file of a given size through the NFS client and reads it back, in a process of its own, so that the memory
 * it takes can be told. Prints one line of JSON: whether the bytes were equal, and the most memory the process had.
 *
 * Usage: large-file.ts HOST PORT PATH BYTES
 */
import { createHash } from "node:crypto";
import { connectNfs } from "nfs-client";

const [, , host = "", port = "", path = "", bytes = ""] = process.argv;

async function main(): Promise<void> {
  const client = await connectNfs({ host, port: Number(port) });
  const written = createHash("sha256");
  const size = Number(bytes);

  async function* source() {
    const step = 256 * 1024;
    for (let offset = 0; offset < size; offset += step) {
      const part = Buffer.alloc(Math.min(step, size - offset), offset / step);
      part.writeDoubleLE(Math.random());
      written.update(part);
      yield part;
    }
  }

  await client.writeFile(path, source());
  const read = createHash("sha256");
  const { body } = await client.openFile(path);
  for await (const chunk of body) read.update(chunk);
  await client.close();
  const equal = read.digest("hex") === written.digest("hex");
  process.stdout.write(`${JSON.stringify({ equal, maximumMemory: process.resourceUsage().maxRSS * 1024 })}\n`);
}

await main();
