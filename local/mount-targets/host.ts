/**
 * The process with the NFS servers of one file system: one a mount target, as commands come in.
 *
 * They share a process because the mount targets of a file system share its locks. It ends when the process that
 * started it does.
 */
import { type Dialect, type NfsServer, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { messageOf } from "nfs-client";
import { type Command, commandSchema, type Reply, settingsSchema } from "./messages.ts";

const { bytesPerSecond, operationDelayMs, ...settings } = settingsSchema.parse(JSON.parse(process.argv[2] ?? ""));
const servers = new Map<string, NfsServer>();
/** What was changed of all of them, and of those that are still to come. */
let common: Partial<Dialect> = settings.dialect ?? {};

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

async function carryOut(command: Command): Promise<void> {
  switch (command.action) {
    case "start":
      servers.set(command.host, await start(command.host));
      return;
    case "stop":
      await servers.get(command.host)?.close();
      servers.delete(command.host);
      return;
    case "change dialect":
      for (const server of serversAt(command.host)) server.setDialect(command.changes);
      if (command.host === undefined) common = { ...common, ...command.changes };
      return;
    case "stall":
      for (const server of serversAt(command.host)) server.stall(command.milliseconds);
      return;
    case "delay operations":
      for (const server of serversAt(command.host)) server.delayOperations(command.milliseconds);
      return;
    case "refuse connections":
      for (const server of serversAt(command.host)) server.refuseConnections(command.milliseconds);
      return;
  }
}

function start(host: string): Promise<NfsServer> {
  return startNfsServer({
    ...settings,
    dialect: common,
    host,
    // The directory is removed with the stack, so nothing has to survive a crash.
    durable: false,
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
    ...(operationDelayMs === undefined ? {} : { operationDelayMs }),
  });
}

function serversAt(host: string | undefined): Iterable<NfsServer> {
  if (host === undefined) return servers.values();
  const server = servers.get(host);
  if (server === undefined) throw new Error("there is none");
  return [server];
}
