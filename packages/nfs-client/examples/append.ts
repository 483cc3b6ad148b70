import { connectNfs } from "nfs-client";

const options = {
  host: process.env.NFS_HOST ?? "127.0.0.1",
  port: Number(process.env.NFS_PORT ?? 2049),
};
// As if they were in different processes, on different machines.
const [one, other] = await Promise.all([connectNfs(options), connectNfs(options)]);
try {
  // NFS has no atomic append. The client holds a lock on the file, so that no line overwrites another.
  const appends = Array.from({ length: 20 }, (_, index) =>
    (index % 2 === 0 ? one : other).appendFile("/examples/log", Buffer.from(`line ${index}\n`)),
  );
  await Promise.all(appends);

  const { data } = await one.readFile("/examples/log");
  console.log(`${data.toString().trim().split("\n").length} lines`);
  await one.remove("/examples/log");
} finally {
  await Promise.all([one.close(), other.close()]);
}
