/** The NFS servers behind the mount targets, in a process of their own. */
import { fileURLToPath } from "node:url";
import type { Dialect } from "@efs-mount-autoscaling/nfs-server";
import type { LogSink } from "../logs/log-line.ts";
import { startProcess } from "../machine/process.ts";
import { typescriptProgram } from "../machine/typescript-program.ts";
import { dialectOfEnvironment } from "./dialect.ts";
import { type Command, type MountTargetSettings, type Reply, replySchema } from "./messages.ts";

interface MountTargetServers {
  /** Starts the server of the mount target with this address. Rejects when it does not start within a minute. */
  start(host: string): Promise<void>;
  /** Closes it, with its connections. */
  stop(host: string): Promise<void>;
  /** Changes what a running server refuses, and its limits; of all of them, later ones too, when there is no host. */
  changeDialect(changes: Partial<Dialect>, host?: string): Promise<void>;
  /** Has a server answer nothing for so many milliseconds, or all of them at once; 0 ends it. */
  stall(milliseconds: number, host?: string): Promise<void>;
  /** Has every request to a server take so many milliseconds longer, or to all of them; until it is started again. */
  delay(milliseconds: number, host?: string): Promise<void>;
  /** Has a server refuse new connections for so many milliseconds, or all of them. */
  refuseConnections(milliseconds: number, host?: string): Promise<void>;
  /** Closes all of them, and ends the process. */
  close(): Promise<void>;
}

const HOST_PROGRAM = fileURLToPath(new URL("host.ts", import.meta.url));
/** Milliseconds. The first one waits for the process to start, which a busy machine takes its time for. */
const COMMAND_TIMEOUT = 60_000;
/** Milliseconds between SIGTERM and SIGKILL. */
const STOP_TIMEOUT = 1_000;

/** A command, but for the number that tells its reply from others. */
type Order = Command extends infer Each ? (Each extends Command ? Omit<Each, "id"> : never) : never;

/**
 * Starts the process, with no server in it yet. What the settings do not say of the dialect, the environment does: see
 * {@link dialectOfEnvironment}.
 */
export function startMountTargetServers(
  settings: MountTargetSettings,
  log: LogSink,
  program = HOST_PROGRAM,
): MountTargetServers {
  const waiting = new Map<number, (reply: Reply) => void>();
  let commands = 0;
  let ended: string | undefined;
  const given = dialectOfEnvironment(process.env);
  const dialect = { ...given.dialect, ...settings.dialect };
  const allSettings: MountTargetSettings = { ...given, ...settings, dialect };
  const child = startProcess([...typescriptProgram(program), JSON.stringify(allSettings)], {
    env: {},
    onLine: (text, stream) => log({ source: "mount-targets", stream, text }),
    onMessage: (message) => {
      const reply = replySchema.parse(message);
      waiting.get(reply.id)?.(reply);
    },
  });
  void child.exited.then(({ code, signal, error }) => {
    ended = `The NFS servers ended: ${error?.message ?? (signal === null ? `exit status ${code}` : `signal ${signal}`)}`;
    for (const [id, settle] of waiting) settle({ id, error: ended });
  });

  async function send(order: Order): Promise<void> {
    if (ended !== undefined) throw new Error(ended);
    const id = ++commands;
    const { error } = await new Promise<Reply>((resolve) => {
      const timer = setTimeout(
        () => resolve({ id, error: `no reply in ${COMMAND_TIMEOUT / 1000} s` }),
        COMMAND_TIMEOUT,
      );
      waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      child.send({ ...order, id } satisfies Command);
    });
    waiting.delete(id);
    if (error === undefined) return;
    const who = order.host === undefined ? "NFS servers" : `NFS server of ${order.host}`;
    throw new Error(`The ${who} did not ${order.action}: ${error}`);
  }

  const at = (host: string | undefined) => (host === undefined ? {} : { host });

  return {
    start: (host) => send({ action: "start", host }),
    stop: (host) => send({ action: "stop", host }),
    changeDialect: (changes, host) => send({ action: "change dialect", changes, ...at(host) }),
    stall: (milliseconds, host) => send({ action: "stall", milliseconds, ...at(host) }),
    delay: (milliseconds, host) => send({ action: "delay operations", milliseconds, ...at(host) }),
    refuseConnections: (milliseconds, host) => send({ action: "refuse connections", milliseconds, ...at(host) }),
    close: async () => {
      await child.stop(STOP_TIMEOUT);
    },
  };
}
