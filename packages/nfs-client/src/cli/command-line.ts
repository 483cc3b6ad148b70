/** `nfs COMMAND …`: what the command line says, and how it ends. */
import { once, setMaxListeners } from "node:events";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { messageOf } from "../errors.ts";
import type { NfsClient } from "../types.ts";
import { bindClient } from "./bound-client.ts";
import type { Command, Target } from "./command.ts";
import { bench } from "./commands/bench.ts";
import { chmod, chown, mkdir, mv, rm } from "./commands/changes.ts";
import { append, cat, put } from "./commands/content.ts";
import { du, find, ls, stat } from "./commands/listing.ts";
import { treeCopy } from "./commands/tree-copy.ts";
import { parseLocation, printable, type Server, serverKey, spellPath, UsageError } from "./location.ts";
import { positiveNumber, wholeNumber } from "./numbers.ts";

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [ls, cat, put, append, stat, rm, mkdir, mv, chown, chmod, du, find, treeCopy, bench].map((each) => [each.name, each]),
);

/** How to reach a server. */
export interface ClientOptions {
  /** Milliseconds, for each operation. */
  readonly operationTimeout: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Ends connecting. */
  readonly signal: AbortSignal;
}

export interface CommandLineOptions {
  readonly arguments: readonly string[];
  /** How a place is written, for the usage. */
  readonly places: string;
  /**
   * @param server undefined where a path alone was given.
   * @throws {UsageError} when there is no such server to connect to.
   */
  readonly connect: (server: Server | undefined, options: ClientOptions) => Promise<NfsClient>;
}

/** 0; 1 when something failed; 2 when the command line is wrong; 130 when it was interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

const OPTIONS = {
  long: { type: "boolean", short: "l", default: false },
  json: { type: "boolean", default: false },
  recursive: { type: "boolean", short: "R", default: false },
  parents: { type: "boolean", short: "p", default: false },
  summarize: { type: "boolean", short: "s", default: false },
  files: { type: "string" },
  size: { type: "string" },
  name: { type: "string" },
  type: { type: "string" },
  "not-owner": { type: "string" },
  timeout: { type: "string", default: "30" },
  uid: { type: "string" },
  gid: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const satisfies ParseArgsConfig["options"];

const EVERYWHERE: ReadonlySet<string> = new Set(["timeout", "uid", "gid", "help"]);

const MAX_TIMEOUT_SECONDS = 86_400;
/** Linux has no user and no group above it: 2^32 - 1 stands for none. */
const MAX_ID = 2 ** 32 - 2;

/** Runs one command. Never fails. */
export async function runCommandLine(options: CommandLineOptions): Promise<ExitCode> {
  const output = new Output();
  try {
    return await run(options, output);
  } catch (error) {
    if (output.isClosed) return 0;
    if (output.isInterrupted) {
      output.complain("interrupted");
      return 130;
    }
    output.complain(printable(messageOf(error)));
    if (!(error instanceof UsageError || isParseArgsError(error))) return 1;
    output.complain("nfs --help lists every command");
    return 2;
  } finally {
    output.end();
  }
}

async function run({ arguments: args, places, connect }: CommandLineOptions, output: Output): Promise<ExitCode> {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: OPTIONS,
    tokens: true,
  });
  if (values.help) {
    await output.write(usage(places));
    return 0;
  }
  const [name, ...operands] = positionals;
  const command = commandOf(name);
  for (const token of tokens) {
    if (token.kind !== "option" || EVERYWHERE.has(token.name) || token.name in command.flags) continue;
    throw new UsageError(`${command.name} has no option ${token.rawName}`);
  }
  if (operands.length < command.minOperands || operands.length > command.maxOperands) {
    throw new UsageError(`It is: nfs ${command.name} ${command.operands}`);
  }
  const clientOptions: ClientOptions = {
    signal: output.signal,
    operationTimeout: positiveNumber("timeout", values.timeout, MAX_TIMEOUT_SECONDS) * 1000,
    ...(values.uid === undefined ? {} : { uid: wholeNumber("uid", values.uid, MAX_ID) }),
    ...(values.gid === undefined ? {} : { gid: wholeNumber("gid", values.gid, MAX_ID) }),
  };
  const connections = new Connections(async (server) =>
    bindClient(await connect(server, clientOptions), output.signal),
  );
  let failed = 0;
  try {
    await command.run({
      operands,
      flags: values,
      open: (place, { ownClient = false } = {}) => connections.open(place, ownClient),
      signal: output.signal,
      write: (text) => output.write(text),
      onFailure: (path, error) => {
        failed += 1;
        output.complain(`${spellPath(path)}: ${printable(messageOf(error))}`);
      },
      note: (text) => output.note(text),
      isTerminal: output.isTerminal,
    });
  } finally {
    await connections.close();
  }
  return failed > 0 ? 1 : 0;
}

function commandOf(name: string | undefined): Command {
  if (name === undefined) throw new UsageError("A command is missing");
  const command = COMMANDS.get(name);
  if (command === undefined) throw new UsageError(`There is no command ${JSON.stringify(name)}`);
  return command;
}

/** The clients of one command, each for one server. */
class Connections {
  readonly #connect: (server: Server | undefined) => Promise<NfsClient>;
  readonly #shared = new Map<string, Promise<NfsClient>>();
  readonly #all: Promise<NfsClient>[] = [];

  constructor(connect: (server: Server | undefined) => Promise<NfsClient>) {
    this.#connect = connect;
  }

  async open(place: string, ownClient: boolean): Promise<Target> {
    const { server, path, isDirectory } = parseLocation(place);
    const key = serverKey(server);
    const shared = ownClient ? undefined : this.#shared.get(key);
    const client = shared ?? this.#connect(server);
    if (shared === undefined) this.#all.push(client);
    if (!ownClient) this.#shared.set(key, client);
    return { client: await client, server: key, path, isDirectory };
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((client) => client.then((each) => each.close()).catch(() => {})));
  }
}

/** The standard output and error, and what ends a command early. */
class Output {
  readonly #ended = new AbortController();
  readonly isTerminal = process.stderr.isTTY;
  isClosed = false;
  isInterrupted = false;
  #noted = false;
  readonly #interrupt = () => {
    this.isInterrupted = true;
    this.#ended.abort(new Error("interrupted"));
  };
  readonly #close = (error: Error) => {
    // Whoever reads our output may stop reading, as `head` does: then the rest is not wanted.
    this.isClosed = "code" in error && error.code === "EPIPE";
    this.#ended.abort(error);
  };

  constructor() {
    // Every operation in flight listens.
    setMaxListeners(0, this.signal);
    process.once("SIGINT", this.#interrupt);
    process.stdout.on("error", this.#close);
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  async write(text: string | Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    if (!process.stdout.write(text)) await once(process.stdout, "drain", { signal: this.signal });
  }

  /** One line, in place of what was noted before. */
  note(text: string): void {
    if (!this.isTerminal) return;
    process.stderr.write(`\r\u001b[K${text}`);
    this.#noted = text !== "";
  }

  complain(message: string): void {
    if (this.#noted) this.note("");
    process.stderr.write(`nfs: ${message}\n`);
  }

  end(): void {
    if (this.#noted) this.note("");
    process.off("SIGINT", this.#interrupt);
  }
}

function usage(places: string): string {
  const lines = [...COMMANDS.values()].flatMap(({ name, operands, summary, flags }) => [
    `  ${`${name} ${operands}`.padEnd(28)}${summary}`,
    ...Object.entries(flags).map(([flag, about]) => `      ${optionSyntax(flag).padEnd(24)}${about}`),
  ]);
  return `Usage: nfs COMMAND … [options]

${lines.join("\n")}

  ${"--timeout SECONDS".padEnd(28)}for each operation (30)
  ${"--uid N, --gid N".padEnd(28)}the user and group that the server sees (your own)

A FILE, DIRECTORY or PLACE is ${places}. In it, %XX is a byte of a name; %, ?, # and \\
themselves, control characters, and blanks at the ends must be written so. Names are shown so, too.
`;
}

function optionSyntax(flag: string): string {
  const options: Readonly<Record<string, { type: string; short?: string }>> = OPTIONS;
  const { type, short } = options[flag] ?? { type: "boolean" };
  return `${short === undefined ? "" : `-${short}, `}--${flag}${type === "string" ? " X" : ""}`;
}

function isParseArgsError(error: unknown): boolean {
  return error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}
