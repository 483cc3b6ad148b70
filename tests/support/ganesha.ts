/** nfs-ganesha on a loopback port, over a temporary directory: an NFSv4.1 server that nobody here wrote. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectNfs } from "nfs-client";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { type Command, debianProgram } from "./programs.ts";

export const ganesha = debianProgram("ganesha.nfsd", "nfs-ganesha", "nfs-ganesha-vfs");

/** Seconds; short, so that a restart in a test is over soon, and so is the state of a client that is gone. */
const GRACE_PERIOD = 2;
export const LEASE = 10;

const START_TIMEOUT = 20_000;

export class GaneshaServer {
  readonly host = "127.0.0.1";
  readonly port: number;
  /** The directory on this machine that clients see at {@link root}. */
  readonly directory: string;
  /** Where clients find the exported directory. */
  readonly root = "/export";
  readonly #command: Command;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(command: Command, folder: string, port: number) {
    this.#command = command;
    this.#folder = folder;
    this.directory = join(folder, "data");
    this.port = port;
  }

  /** @param parent the directory that all its files are in. */
  static async start(command: Command, parent = tmpdir()): Promise<GaneshaServer> {
    const folder = await mkdtemp(join(parent, "ganesha-"));
    const server = new GaneshaServer(command, folder, await findCommonPort(["127.0.0.1"]));
    await mkdir(server.directory);
    await mkdir(join(folder, "recovery"));
    // the program wants this one to exist, whatever its configuration says
    await mkdir("/var/run/ganesha", { recursive: true });
    await writeFile(join(folder, "ganesha.conf"), server.#configuration());
    try {
      await server.restart();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Starts the server, after {@link kill} or for the first time, and waits until it answers. */
  async restart(): Promise<void> {
    const [program, ...args] = this.#command;
    const file = (name: string) => join(this.#folder, name);
    this.#process = spawn(program, [...args, "-F", "-f", file("ganesha.conf"), "-L", file("log"), "-p", file("pid")], {
      stdio: "ignore",
    });
    await this.#waitUntilItAnswers(this.#process);
  }

  /** Ends the server at once, as a power failure would. */
  async kill(): Promise<void> {
    await end(this.#process, "SIGKILL");
  }

  /** Stops the server's process until {@link thaw}: its connections stay, but it answers nothing in between. */
  async freeze(): Promise<void> {
    this.#process?.kill("SIGSTOP");
    // On a busy machine, other threads go on until one of them has taken the signal.
    while (!/\) T /.test(await readFile(`/proc/${this.#process?.pid}/stat`, "utf8"))) await sleep(1);
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await end(this.#process, "SIGKILL");
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #waitUntilItAnswers(server: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT;
    for (;;) {
      try {
        const client = await connectNfs({ host: this.host, port: this.port, connectTimeout: 1000 });
        await client.close();
        return;
      } catch (cause) {
        if (Date.now() > deadline || server.exitCode !== null) {
          const log = await readFile(join(this.#folder, "log"), "utf8").catch(() => "no log");
          throw new Error(`nfs-ganesha did not start:\n${log}`, { cause });
        }
        await sleep(50);
      }
    }
  }

  #configuration(): string {
    return `
NFS_CORE_PARAM {
  Protocols = 4;
  NFS_Port = ${this.port};
  Bind_addr = ${this.host};
  Enable_NLM = false;
  Enable_RQUOTA = false;
  Enable_UDP = false;
}
NFSv4 {
  Grace_Period = ${GRACE_PERIOD};
  Lease_Lifetime = ${LEASE};
  RecoveryRoot = "${join(this.#folder, "recovery")}";
  Minor_Versions = 0, 1;
  Only_Numeric_Owners = true;
  Delegations = false;
}
EXPORT {
  Export_Id = 1;
  Path = "${this.directory}";
  Pseudo = "${this.root}";
  Access_Type = RW;
  Squash = No_Root_Squash;
  SecType = sys;
  Protocols = 4;
  Transports = TCP;
  FSAL { Name = VFS; }
}
LOG { Default_Log_Level = EVENT; }
`;
  }
}

async function end(server: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, "exit");
  server.kill(signal);
  await exited;
}
