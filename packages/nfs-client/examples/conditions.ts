import { connectNfs, etagOf, NfsError } from "nfs-client";

const client = await connectNfs({
  host: process.env.NFS_HOST ?? "127.0.0.1",
  port: Number(process.env.NFS_PORT ?? 2049),
});
const path = "/examples/counter";

/** Adds one, however many others do the same. */
async function increment() {
  for (;;) {
    const { attributes, data } = await client.readFile(path);
    const next = Buffer.from(String(Number(data) + 1));
    try {
      // Only if the file is still the one that was read.
      return await client.writeFile(path, next, { when: { etag: etagOf(attributes) } });
    } catch (error) {
      // Somebody was faster: read again.
      if (error instanceof NfsError && error.code === "ERR_NFS_PRECONDITION") continue;
      throw error;
    }
  }
}

try {
  // Only if there is no such file.
  await client.writeFile(path, Buffer.from("0"), { when: "absent" });
  await Promise.all([increment(), increment(), increment(), increment(), increment()]);
  const { data } = await client.readFile(path);
  console.log(`counted to ${data}`);
  await client.remove(path);
} finally {
  await client.close();
}
