/** A router over NFS servers in memory. */
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import {
  filePath,
  RoutedFiles,
  type RoutedFilesOptions,
  rankingOf,
  type Target,
} from "@efs-mount-autoscaling/routed-files";
import pino, { type Logger } from "pino";
import { onTestFinished } from "vitest";
import { MemoryFileSystem } from "./memory-file-system.ts";
import { MemoryServer } from "./memory-nfs.ts";

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly target?: string;
}

/** A logger, and the lines it wrote. */
export function memoryLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const formatters = { level: (label: string) => ({ level: label.toUpperCase() }) };
  const log = pino({ level: "debug", formatters }, { write: (line) => void lines.push(JSON.parse(line)) });
  return { log, lines };
}

/** The servers that an in-memory `connect` finds, by the address of their mount target. */
export class MemoryNetwork {
  readonly files = new MemoryFileSystem();
  readonly servers: readonly MemoryServer[];
  readonly table: MountTable;

  constructor(count: number, options?: { chunkSize?: number }) {
    this.servers = Array.from({ length: count }, () => new MemoryServer(this.files, options));
    this.table = {
      mount_targets: this.servers.map((_, index) => ({
        mount_target_id: `fsmt-${index}`,
        ip_address: `10.0.${index}.100`,
        availability_zone: `ap-northeast-1${"acd"[index % 3]}`,
        subnet_id: `subnet-${index}`,
      })),
    };
  }

  readonly connect: RoutedFilesOptions["connect"] = async (options) => {
    const index = this.table.mount_targets.findIndex(({ ip_address }) => ip_address === options.host);
    return this.#serverAt(index).connect(options);
  };

  /** The servers in the order in which `path` prefers them. */
  ranked(path: string): MemoryServer[] {
    const targets = this.servers.map((_, index) => ({ id: `fsmt-${index}`, index }));
    return rankingOf(targets)(filePath(path)).map(({ index }) => this.#serverAt(index));
  }

  idOf(server: MemoryServer): string {
    return `fsmt-${this.servers.indexOf(server)}`;
  }

  #serverAt(index: number): MemoryServer {
    const server = this.servers[index];
    if (!server) throw new Error(`There is no server ${index}`);
    return server;
  }
}

export interface MemoryRouter {
  readonly router: RoutedFiles;
  readonly network: MemoryNetwork;
  readonly lines: LogLine[];
  /** The router's view of a server. */
  targetOf(server: MemoryServer): Target;
}

interface MemoryRouterOptions extends Partial<RoutedFilesOptions> {
  /** The table to start with. Default: all of the network's servers. */
  readonly table?: MountTable;
}

/** A router over `network`, with timeouts that suit tests. */
export async function startMemoryRouter(
  network = new MemoryNetwork(3),
  { table = network.table, ...options }: MemoryRouterOptions = {},
): Promise<MemoryRouter> {
  const { log, lines } = memoryLog();
  const router = await RoutedFiles.start(table, {
    connect: network.connect,
    connectTimeout: 200,
    operationTimeout: 2_000,
    detectionTimeout: 200,
    drainTimeout: 1_000,
    rootDirectory: "/data",
    log,
    ...options,
  });
  const targetOf = (server: MemoryServer) => {
    const target = router.targets.find(({ id }) => id === network.idOf(server));
    if (!target) throw new Error("The server is in no table");
    return target;
  };
  return { router, network, lines, targetOf };
}

/** As {@link startMemoryRouter}, for one test: the router is closed when the test is over. */
export async function startTestRouter(...args: Parameters<typeof startMemoryRouter>): Promise<MemoryRouter> {
  const started = await startMemoryRouter(...args);
  onTestFinished(() => started.router.close());
  return started;
}
