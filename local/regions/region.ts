/** One of two local regions, in a process of its own that is the parent of all its others. */
import { fileURLToPath } from "node:url";
import { ROUTER_SETTINGS, variablesOf } from "../environments.ts";
import type { LogSink } from "../logs/log-line.ts";
import { type ManagedProcess, startProcess } from "../machine/process.ts";
import { typescriptProgram } from "../machine/typescript-program.ts";
import { eventSchema, type RegionSettings } from "./messages.ts";

const HOST_PROGRAM = fileURLToPath(new URL("host.ts", import.meta.url));
const START_TIMEOUT = 90_000;
/** Milliseconds from SIGTERM to SIGKILL. */
const STOP_TIMEOUT = 30_000;

/** What the process has of this one's environment. */
const PASSED_ON = ["TMPDIR", "TSX_DISABLE_CACHE", "LOCAL_NFS_PROFILE", "LOCAL_NFS_DIALECT", ...ROUTER_SETTINGS];

export class Region {
  /** The file API. */
  readonly url: string;
  /** For `AWS_ENDPOINT_URL`. */
  readonly awsUrl: string;
  readonly #settings: RegionSettings;
  readonly #log: LogSink;
  #process: ManagedProcess | undefined;

  constructor(settings: RegionSettings, log: LogSink) {
    this.#settings = settings;
    this.#log = log;
    this.url = `http://127.0.0.1:${settings.ports.loadBalancer}`;
    this.awsUrl = `http://127.0.0.1:${settings.ports.controlPlane}`;
  }

  /** Starts it, for the first time or over what an outage left. Resolves when its service is steady. */
  async start(signal: AbortSignal): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => {
      const child = startProcess([...typescriptProgram(HOST_PROGRAM), JSON.stringify(this.#settings)], {
        env: variablesOf(process.env, PASSED_ON),
        onLine: (text, stream) => this.#log({ source: this.#settings.name, stream, text }),
        onMessage: (message) => {
          const event = eventSchema.parse(message);
          if (event.event === "ready") resolve();
          else if (event.event === "failed") reject(new Error(`${this.#settings.name} did not start: ${event.reason}`));
          else this.#log({ ...event.line, source: `${this.#settings.name}/${event.line.source}` });
        },
      });
      this.#process = child;
      void child.exited.then(() => reject(new Error(`${this.#settings.name} ended before it was ready`)));
    });
    const limit = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT)]);
    await Promise.race([
      ready,
      new Promise<never>((_resolve, reject) => {
        if (limit.aborted) reject(limit.reason);
        limit.addEventListener("abort", () => reject(limit.reason), { once: true });
      }),
    ]);
  }

  /** Ends all its processes at once, with SIGKILL. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async stop(): Promise<void> {
    await this.#process?.stop(STOP_TIMEOUT);
  }
}
