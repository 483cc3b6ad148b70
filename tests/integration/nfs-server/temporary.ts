/** Servers over directories of their own, which go away with the test. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NfsServer, type NfsServerOptions, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { onTestFinished } from "vitest";
import { RawConnection, RawSession, type RawSessionOptions } from "./driver.ts";

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "nfs-server-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A server that does not wait for the disk, and fails the test when it finds a defect in itself. */
export async function temporaryServer(options: Partial<NfsServerOptions> = {}): Promise<NfsServer> {
  const directory = options.directory ?? (await temporaryDirectory());
  const errors: unknown[] = [];
  const server = await startNfsServer({
    durable: false,
    onError: (error) => errors.push(error),
    ...options,
    directory,
  });
  onTestFinished(async () => {
    await server.close();
    if (errors.length > 0) throw new AggregateError(errors, "The server failed");
  });
  return server;
}

export async function temporarySession(server: NfsServer, options: RawSessionOptions = {}): Promise<RawSession> {
  const session = await RawSession.open(server, options);
  onTestFinished(() => session.close());
  return session;
}

export async function temporaryConnection(server: NfsServer): Promise<RawConnection> {
  const connection = await RawConnection.open(server);
  onTestFinished(() => connection.close());
  return connection;
}
