/** The NFS servers behind the mount targets, in a process of their own. */
import { fileURLToPath } from "node:url";
import type { LogSink } from "../logs/log-line.ts";
import { startProcess } from "../machine/process.ts";
import { typescriptProgram } from "../machine/typescript-program.ts";
import { type Command, type MountTargetSettings, type Reply, replySchema } from "./messages.ts";

interface MountTargetServers {
  /** Starts the server of the mount target with this address. Rejects when it does not start within 20 s. */
  start(host: string): Promise<void>;
  /** Closes it, with its connections. */
  stop(host: string): Promise<void>;
  /** Closes all of them, and ends the process. */
  close(): Promise<void>;
}

const HOST_PROGRAM = fileURLToPath(new URL("host.ts", import.meta.url));
const COMMAND_TIMEOUT = 20_000;
/** Milliseconds between SIGTERM and SIGKILL. */
const STOP_TIMEOUT = 1_000;

/** Starts the process, with no server in it yet. */
export function startMountTargetServers(
  settings: MountTargetSettings,
  log: LogSink,
  program = HOST_PROGRAM,
): MountTargetServers {
  const waiting = new Map<number, (reply: Reply) => void>();
  let commands = 0;
  let ended: string | undefined;
  const child = startProcess([...typescriptProgram(program), JSON.stringify(settings)], {
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

  async function send(action: Command["action"], host: string): Promise<void> {
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
      child.send({ id, action, host } satisfies Command);
    });
    waiting.delete(id);
    if (error !== undefined) throw new Error(`The NFS server of ${host} did not ${action}: ${error}`);
  }

  return {
    start: (host) => send("start", host),
    stop: (host) => send("stop", host),
    close: async () => {
      await child.stop(STOP_TIMEOUT);
    },
  };
}
