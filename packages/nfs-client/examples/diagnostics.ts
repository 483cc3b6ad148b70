import { connectNfs, onDiagnostics } from "nfs-client";

onDiagnostics("nfs-client:compound", ({ operations, status, duration, bytesSent, bytesReceived }) => {
  const bytes = `${bytesSent} bytes sent, ${bytesReceived} received`;
  console.log(`${operations.join(" ")}: ${status} in ${duration.toFixed(1)} ms, ${bytes}`);
});
onDiagnostics("nfs-client:retry", ({ server, reason }) => console.log(`${server}: sent again, ${reason}`));
onDiagnostics("nfs-client:delay", ({ server, wait }) => console.log(`${server}: asked to wait ${wait.toFixed(0)} ms`));
onDiagnostics("nfs-client:disconnect", ({ server, reason }) => console.log(`${server}: ${reason.message}`));

const client = await connectNfs({
  host: process.env.NFS_HOST ?? "127.0.0.1",
  port: Number(process.env.NFS_PORT ?? 2049),
});
try {
  await client.writeFile("/examples/watched", Buffer.from("x"));
  await client.readFile("/examples/watched");
  await client.remove("/examples/watched");
} finally {
  await client.close();
}
