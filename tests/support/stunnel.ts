/** stunnel, a program that nobody here wrote: the TLS end of a mount target, or that of a client that has none. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ServerCertificate } from "./certificates.ts";
import { type Command, debianProgram } from "./programs.ts";

export const stunnel = debianProgram("stunnel", "stunnel4");

export interface StunnelOptions {
  readonly certificate: ServerCertificate;
  /** The server's port on this machine, and its address. Default: 127.0.0.1. */
  readonly connect: number;
  readonly host?: string;
  /** The only client certificate that is let in, as PEM. Default: clients need none. */
  readonly clientCertificate?: string;
}

export interface StunnelClientOptions {
  /** The port, on this machine, of a server that speaks TLS. */
  readonly connect: number;
  /** The only authority to trust, as PEM. */
  readonly authority: string;
  readonly serverName: string;
}

/** Writes a file that the configuration names, and returns its path. */
type AddFile = (name: string, content: string) => Promise<string>;

export class Stunnel {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;
  #stopped: Promise<void> | undefined;

  private constructor(port: number, process: ChildProcess, folder: string) {
    this.port = port;
    this.#process = process;
    this.#folder = folder;
  }

  /** TLS in front of a server that speaks plain text. */
  static start(command: Command, options: StunnelOptions): Promise<Stunnel> {
    const { certificate, connect, host = "127.0.0.1", clientCertificate } = options;
    return Stunnel.#launch(command, async (addFile) => [
      `connect = ${host}:${connect}`,
      `cert = ${await addFile("server.pem", certificate.certificate)}`,
      `key = ${await addFile("server.key", certificate.key)}`,
      ...(clientCertificate === undefined
        ? []
        : ["requireCert = yes", "verifyPeer = yes", `CAfile = ${await addFile("client.pem", clientCertificate)}`]),
    ]);
  }

  /** Plain text for a client, in front of a server that speaks TLS. */
  static startClient(command: Command, { connect, authority, serverName }: StunnelClientOptions): Promise<Stunnel> {
    return Stunnel.#launch(command, async (addFile) => [
      "client = yes",
      `connect = 127.0.0.1:${connect}`,
      "verifyChain = yes",
      `CAfile = ${await addFile("authority.pem", authority)}`,
      `sni = ${serverName}`,
      `checkHost = ${serverName}`,
    ]);
  }

  static async #launch(
    [program, ...args]: Command,
    serviceOf: (addFile: AddFile) => Promise<readonly string[]>,
  ): Promise<Stunnel> {
    const folder = await mkdtemp(join(tmpdir(), "stunnel-"));
    const addFile: AddFile = async (name, content) => {
      await writeFile(join(folder, name), content, { mode: 0o600 });
      return join(folder, name);
    };
    const configuration = [
      "foreground = yes",
      "syslog = no",
      "debug = info",
      "pid =",
      "[nfs]",
      "accept = 127.0.0.1:0",
      ...(await serviceOf(addFile)),
    ];
    const child = spawn(program, [...args, await addFile("stunnel.conf", `${configuration.join("\n")}\n`)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const log: string[] = [];
    const port = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", () => reject(new Error(`stunnel did not start:\n${log.join("\n")}`)));
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        const bound = /Service \[nfs\] .* bound to 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (bound !== undefined) resolve(Number(bound));
      });
    });
    return new Stunnel(port, child, folder);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill();
    await exited;
    await rm(this.#folder, { recursive: true });
  }
}
