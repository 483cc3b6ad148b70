/** The servers that the NFS client's suites run against: each of them keeps the other, and the client, honest. */
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NfsServerOptions, startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { connectNfs, decodeName, encodeName, type NfsClient, type NfsClientOptions } from "nfs-client";
import { describe } from "vitest";
import { GaneshaServer, ganesha, LEASE } from "./ganesha.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";
import { MemoryServer } from "./memory-nfs.ts";
import { describeRequiring } from "./requirements.ts";

/** A running NFSv4.1 server, and the directory behind it as this machine sees it. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly directory: string;
  stop(): Promise<void>;
}

/** Runs `suite` once for each kind of server; `start` gives it a fresh one, `kind` names it. */
export function describeEachServer(
  name: string,
  suite: (start: () => Promise<TestServer>, kind: string) => void,
): void {
  const real = "nfs-ganesha";
  describeRequiring([ganesha], `${name} (${real})`, ([command]) => suite(() => GaneshaServer.start(command), real));
  const local = "local NFS server";
  describe(`${name} (${local})`, () => suite(() => startLocalServer(), local));
}

async function startLocalServer(options: Pick<NfsServerOptions, "profile" | "dialect"> = {}): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), "nfs-server-"));
  // No suite looks at what a crash would leave, and a disk that others keep busy takes seconds for a sync.
  const server = await startNfsServer({ ...options, directory, leaseSeconds: LEASE, durable: false });
  return {
    host: server.host,
    port: server.port,
    root: "",
    directory,
    async stop() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A file system, clients for it, and its files as they are past any client. */
export interface FileServer {
  /** Where clients find the directory that `stored` is about. */
  readonly root: string;
  connect(options?: Omit<NfsClientOptions, "host" | "port">): Promise<NfsClient>;
  readonly stored: StoredFiles;
  stop(): Promise<void>;
}

/** Paths are relative to the server's root. */
interface StoredFiles {
  read(path: string): Promise<Buffer>;
  /** Names as the client has them. */
  list(path: string): Promise<string[]>;
  write(path: string, data: string): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  makeLink(path: string, target: string): Promise<void>;
}

/**
 * Runs `suite` over every server of {@link describeEachServer}, over the local one as it refuses much and most, and over
 * the one in memory that has no wire.
 */
export function describeEachFileServer(name: string, suite: (start: () => Promise<FileServer>) => void): void {
  describeEachServer(name, (start) => suite(async () => fileServer(await start())));
  // Files whose names the server does not take are nothing that a client could promise.
  const dialect = { utf8Names: false };
  for (const profile of ["efs", "strictest"] as const) {
    describe(`${name} (local NFS server, profile ${profile})`, () =>
      suite(async () => fileServer(await startLocalServer({ profile, dialect }))));
  }
  describe(`${name} (in memory)`, () => suite(startMemoryFileServer));
}

function fileServer(server: TestServer): FileServer {
  const { host, port, directory } = server;
  const local = (path: string) => encodeName(join(directory, path));
  return {
    root: server.root,
    connect: (options) => connectNfs({ ...options, host, port }),
    stored: {
      read: (path) => readFile(local(path)),
      list: async (path) => (await readdir(local(path), { encoding: "buffer" })).map(decodeName),
      write: (path, data) => writeFile(local(path), data),
      truncate: (path, size) => truncate(local(path), size),
      makeDirectory: (path) => mkdir(local(path)),
      makeLink: (path, target) => symlink(target, local(path)),
    },
    stop: () => server.stop(),
  };
}

async function startMemoryFileServer(): Promise<FileServer> {
  const files = new MemoryFileSystem();
  files.now = Date.now();
  const chunkSize = 1024 * 1024;
  const { connect } = new MemoryServer(files, { chunkSize });
  return {
    root: "",
    connect: (options = {}) => connect(options),
    stored: {
      read: async (path) => files.read(path),
      list: async (path) => files.list(path).map(({ name }) => name),
      write: async (path, data) => void files.write(path, Buffer.from(data)),
      truncate: async (path, size) => files.truncate(path, size),
      makeDirectory: async (path) => files.makeDirectory(path),
      makeLink: async (path, target) => files.makeLink(path, target),
    },
    async stop() {},
  };
}
