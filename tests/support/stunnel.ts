/** stunnel in front of a server: the TLS end of a mount target, by a program that nobody here wrote. */
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
  /** The server's port on this machine. */
  readonly connect: number;
  /** The only client certificate that is let in, as PEM. Default: clients need none. */
  readonly clientCertificate?: string;
}

export class Stunnel {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, process: ChildProcess, folder: string) {
    this.port = port;
    this.#process = process;
    this.#folder = folder;
  }

  static async start([program, ...args]: Command, options: StunnelOptions): Promise<Stunnel> {
    const folder = await mkdtemp(join(tmpdir(), "stunnel-"));
    const { certificate, connect, clientCertificate } = options;
    const file = async (name: string, content: string) => {
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
      `connect = 127.0.0.1:${connect}`,
      `cert = ${await file("server.pem", certificate.certificate)}`,
      `key = ${await file("server.key", certificate.key)}`,
      ...(clientCertificate === undefined
        ? []
        : ["requireCert = yes", "verifyPeer = yes", `CAfile = ${await file("client.pem", clientCertificate)}`]),
    ];
    const child = spawn(program, [...args, await file("stunnel.conf", `${configuration.join("\n")}\n`)], {
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

  async stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill();
    await exited;
    await rm(this.#folder, { recursive: true });
  }
}
