import { Readable } from "node:stream";
import { connectNfs, MemoryBudget } from "nfs-client";

const client = await connectNfs({
  host: process.env.NFS_HOST ?? "127.0.0.1",
  port: Number(process.env.NFS_PORT ?? 2049),
  // All streams of all clients that share it take no more than this. Who wants more waits.
  memory: new MemoryBudget(16 * 1024 * 1024),
});

function* parts() {
  for (let part = 0; part < 64; part++) yield Buffer.alloc(1024 * 1024, part);
}

try {
  // Any iterable of bytes: a file, a request, a generator. It gets its name when all of it is durable.
  await client.writeFile("/examples/large", Readable.from(parts()));

  // A part of the file, a few READs ahead of whoever consumes it.
  const { body } = await client.openFile("/examples/large", { start: 1024 * 1024, length: 8 * 1024 * 1024 });
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.length;
  console.log(`read ${bytes} bytes`);

  await client.remove("/examples/large");
} finally {
  await client.close();
}
