/**
 * The process with the NFS servers of one file system: one a mount target, as commands come in.
 *
 * They share a process because the mount targets of a file system share its locks. It ends when the process that
 * started it does.
 */

import { type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { messageOf } from "nfs-client";
import { type Command, commandSchema, type Reply, settingsSchema } from "./messages.ts";

const { directory, port, bytesPerSecond, operationDelayMs } = settingsSchema.parse(JSON.parse(process.argv[2] ?? ""));
const servers = new Map<string, NfsServer>();

process.on("disconnect", () => process.exit());
process.on("message", async (message) => {
  const command = commandSchema.parse(message);
  const reply: Reply = { id: command.id };
  try {
    await carryOut(command);
  } catch (error) {
    reply.error = messageOf(error);
  }
  process.send?.(reply);
});

async function carryOut({ action, host }: Command): Promise<void> {
  if (action === "stop") {
    await servers.get(host)?.close();
    servers.delete(host);
    return;
  }
  const server = await startNfsServer({
    directory,
    host,
    port,
    // The directory is removed with the stack, so nothing has to survive a crash.
    durable: false,
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    ...(operationDelayMs === undefined ? {} : { operationDelayMs }),
  });
  servers.set(host, server);
}
