import { connectNfs } from "nfs-client";

const client = await connectNfs({
  host: process.env.NFS_HOST ?? "127.0.0.1",
  port: Number(process.env.NFS_PORT ?? 2049),
});
try {
  // One round trip. Missing directories are made, readers see the old or the new content, and it is durable.
  await client.writeFile("/examples/hello.txt", Buffer.from("Hello, NFS!\n"));

  // One round trip again: attributes and data of the same moment.
  const { attributes, data } = await client.readFile("/examples/hello.txt");
  console.log(`${attributes.size} bytes: ${data.toString().trim()}`);

  for await (const { name, attributes } of client.readDirectory("/examples")) {
    console.log(`${name} is a ${attributes.type}`);
  }
  await client.remove("/examples/hello.txt");
} finally {
  await client.close();
}
