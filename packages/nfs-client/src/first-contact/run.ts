/** Asks all questions, one after the other, and leaves nothing behind. */
import { setMaxListeners } from "node:events";
import { Backoff, Deadline } from "../deadline.ts";
import { AbortedError, ConnectionError, ignoreNfsError, messageOf, NfsError } from "../errors.ts";
import type { ServerAddress } from "../session/rpc-connection.ts";
import type { TlsOptions } from "../types.ts";
import { lookup, putFileHandle } from "../wire/operations/file-handles.ts";
import type { AuthSys } from "../wire/rpc.ts";
import { TooManyOperationsError } from "./client.ts";
import { FULL_EFFORT, Lab, QUICK_EFFORT, type Target } from "./lab.ts";
import { askCapabilities } from "./questions/capabilities.ts";
import { askExercises } from "./questions/exercises.ts";
import { askFencing } from "./questions/fencing.ts";
import { askGrants } from "./questions/grants.ts";
import { askReconnects } from "./questions/reconnects.ts";
import { askRights } from "./questions/rights.ts";
import { askSharing } from "./questions/sharing.ts";
import { askThroughput } from "./questions/throughput.ts";
import type { Finding, Report } from "./report.ts";
import { handleOf, Workspace } from "./workspace.ts";

export interface FirstContactOptions {
  /** Mount targets of one file system. */
  readonly targets: readonly [ServerAddress, ...ServerAddress[]];
  /** The directory to make a directory in; what is missing of it is made, and removed again. Example: `/data`. */
  readonly path: string;
  /** The user that everything is asked as. */
  readonly credential: AuthSys;
  /** Measure for seconds, not minutes. */
  readonly quick: boolean;
  /** Milliseconds for each request. */
  readonly timeout: number;
  /** How to connect with a signature that is not valid, to see what becomes of it. */
  readonly invalidTls?: TlsOptions | undefined;
  /** Ends the questions; what was made is removed even so. */
  readonly signal: AbortSignal;
  /** Told of each step, with the share of all that is done, from 0 to 1. */
  readonly onProgress: (fraction: number, step: string) => void;
}

/** Something was wrong before the first question: nothing is known of the server then. */
export class FirstContactError extends Error {
  override readonly name = "FirstContactError";
}

/** Seconds that each question takes, about: for the progress. */
const WEIGHTS = {
  grants: 1,
  capabilities: 2,
  reconnects: 5,
  sharing: 2,
  fencing: 2,
  exercises: 250,
  throughput: 200,
  rights: 2,
} as const;

type QuestionName = keyof typeof WEIGHTS;

const ALL_WEIGHTS = Object.values(WEIGHTS).reduce<number>((sum, weight) => sum + weight, 0);

/** Servers close connections, for example to move them: then a question is asked again, so often in all. */
const MAX_ATTEMPTS = 3;

/** Milliseconds for removing the directory. */
const REMOVAL_TIMEOUT = 30_000;

/**
 * @throws {FirstContactError} when no directory can be made there, or the targets are not of one file system; the message
 * also says what was left behind.
 */
export async function firstContact(options: FirstContactOptions): Promise<Report> {
  const { credential, timeout, signal, invalidTls } = options;
  // Every request in flight listens.
  setMaxListeners(0, signal);
  const startedAt = new Date();
  const targets = namesOf(options.targets);
  const path = options.path.split("/").filter((name) => name !== "");
  const workspace = new Workspace(path);
  const lab = new Lab({ targets, credential, timeout, signal }, workspace, options.quick ? QUICK_EFFORT : FULL_EFFORT);
  let done = 0;
  const ask = async <T>(name: QuestionName, question: (lab: Lab) => Promise<T>): Promise<Finding<T>> => {
    lab.onProgress = (fraction, step) =>
      options.onProgress((done + WEIGHTS[name] * fraction) / ALL_WEIGHTS, `${name}: ${step}`);
    options.onProgress(done / ALL_WEIGHTS, name);
    const finding = await askPersistently(lab, question);
    done += WEIGHTS[name];
    return finding;
  };
  const findings = async () => ({
    grants: await ask("grants", askGrants),
    capabilities: await ask("capabilities", askCapabilities),
    reconnects: await ask("reconnects", askReconnects),
    sharing: await ask("sharing", askSharing),
    fencing: await ask("fencing", askFencing),
    exercises: await ask("exercises", askExercises),
    throughput: await ask("throughput", askThroughput),
    rights: await ask("rights", (each) => askRights(each, invalidTls)),
  });
  let found: Awaited<ReturnType<typeof findings>>;
  try {
    await prepare(lab);
    found = await findings();
  } catch (error) {
    await cleanUp(lab);
    const left = lab.leftBehind.length === 0 ? "" : `. Left behind: ${lab.leftBehind.join("; ")}`;
    throw new FirstContactError(`${messageOf(error)}${left}`, { cause: error });
  }
  options.onProgress(1, "removing");
  await cleanUp(lab);
  return {
    targets: targets.map(({ name }) => name),
    path: `/${path.join("/")}`,
    tls: targets[0].address.tls !== undefined,
    quick: options.quick,
    startedAt,
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    ...found,
    leftBehind: lab.leftBehind,
  };
}

function namesOf([first, ...others]: FirstContactOptions["targets"]): readonly [Target, ...Target[]] {
  const named = (address: ServerAddress) => ({ name: `${address.host}:${address.port}`, address });
  return [named(first), ...others.map(named)];
}

/** Makes the directory, and finds it at every target. */
async function prepare(lab: Lab): Promise<void> {
  const { workspace, targets } = lab;
  const [first, ...others] = targets;
  try {
    const client = await lab.connectClient(first);
    try {
      await workspace.make(client);
    } catch (cause) {
      if (lab.signal.aborted) throw cause;
      throw new FirstContactError(`No directory can be made at ${first.name}: ${reasonOf(cause)}`, { cause });
    }
    const name = workspace.names.at(-1) ?? "";
    for (const target of others) {
      const other = await lab.connectClient(target);
      const reply = await other.run([putFileHandle(await handleOf(other, workspace.names.slice(0, -1))), lookup(name)]);
      if (!reply.succeeded) {
        throw new FirstContactError(
          `${target.name} does not have the directory that was made at ${first.name}: they are not of one file system`,
        );
      }
    }
  } finally {
    await lab.release();
  }
}

async function askPersistently<T>(lab: Lab, question: (lab: Lab) => Promise<T>): Promise<Finding<T>> {
  const backoff = new Backoff(100);
  for (let attempt = 1; ; attempt++) {
    try {
      lab.signal.throwIfAborted();
      return { found: await question(lab) };
    } catch (error) {
      if (lab.signal.aborted) throw new AbortedError("Interrupted", { cause: error });
      const again = error instanceof ConnectionError && attempt < MAX_ATTEMPTS;
      if (!again) return { failed: reasonOf(error) };
    } finally {
      await lab.release();
    }
    await new Deadline(REMOVAL_TIMEOUT, lab.signal).sleep(backoff.next());
  }
}

/** What went wrong at the server; a defect of ours is thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof NfsError) return error.message;
  if (error instanceof TooManyOperationsError) return `Operations in a COMPOUND: ${error.message}`;
  throw error;
}

async function cleanUp(lab: Lab): Promise<void> {
  await lab.release();
  const left = await removeWorkspace(lab);
  if (left !== undefined) lab.leftBehind.push(`the directory /${lab.workspace.names.join("/")}: ${left}`);
}

/** With connections that no interruption ends. Returns why it could not be removed. */
async function removeWorkspace(lab: Lab): Promise<string | undefined> {
  const cleaner = lab.forCleaning(REMOVAL_TIMEOUT);
  for (let attempt = 1; lab.workspace.isThere; attempt++) {
    try {
      return await lab.workspace.remove(await cleaner.connectClient());
    } catch (error) {
      ignoreNfsError(error);
      if (!(error instanceof ConnectionError) || attempt === MAX_ATTEMPTS) return messageOf(error);
    } finally {
      await cleaner.release();
    }
  }
  return undefined;
}
