import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { connectFiles } from "efs-files";

const files = connectFiles({ url: process.env.ROUTER_URL ?? "http://127.0.0.1:8000", token: process.env.ROUTER_TOKEN });

function* parts() {
  for (let part = 0; part < 32; part++) yield Buffer.alloc(1024 * 1024, part);
}

// The file has its new content when all of it was written, and not before.
await pipeline(Readable.from(parts()), files.createWriteStream("examples/large"));

// A part of a file. Where the connection is lost, it goes on over another one.
let bytes = 0;
for await (const chunk of files.createReadStream("examples/large", { start: 1024, end: 2047 })) bytes += chunk.length;
console.log(`read ${bytes} bytes`);

await pipeline(files.createReadStream("examples/large"), createGzip(), files.createWriteStream("examples/large.gz"));
console.log((await files.readdir("examples")).sort().join(" "));

await files.rm("examples", { recursive: true });
await files.close();
