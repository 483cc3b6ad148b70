/**
 * Random operations through a network that fails, held against a model of what the files must hold.
 *
 * Several actors share one client, each with files of its own. An operation that fails may have been done or not; the
 * model then allows both, until a read tells.
 */
import fc from "fast-check";
import { etagOf, isStatus, type NfsClient, NfsError, type OperationOptions, PreconditionError } from "nfs-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../bench/random.ts";
import { FAULTS, type Fault, FaultProxy } from "../support/fault-proxy.ts";
import { connectNfs } from "../support/nfs.ts";
import { describeEachServer, type TestServer } from "../support/nfs-servers.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";

/**
 * Milliseconds each operation is given, and how much later than that it may come back: a write that fails at its very
 * end then closes its unfinished file and removes it, for which it has five seconds each; the rest is for a busy machine.
 */
const TIMEOUT = 5000;
const LATENESS = 12_000;

const ACTORS = 6;
const NAMES = ["a", "b", "dir/c", "dir/sub/d"];

/** How many requests are hit by a fault. */
const FAULT_SHARE = 0.04;

/** What a path may hold; `undefined` is no file. More than one where the fate of an operation is not known. */
type Possible = ReadonlySet<string | undefined>;

interface Model {
  readonly files: Map<string, Possible>;
}

interface Actor {
  readonly client: NfsClient;
  readonly directory: string;
  readonly counts: Counts;
}

interface Counts {
  operations: number;
  failed: number;
  /** Of the model: something lost, torn, invented, done twice, or late. */
  violations: number;
  slowest: number;
}

type Outcome<T> = { readonly done: T } | { readonly failed: NfsError };

type Command = fc.AsyncCommand<Model, Actor>;

function command(label: string, run: (model: Model, actor: Actor) => Promise<void>): Command {
  return {
    check: () => true,
    async run(model, actor) {
      try {
        await run(model, actor);
      } catch (violation) {
        actor.counts.violations += 1;
        throw violation;
      }
    },
    toString: () => label,
  };
}

/** Runs one operation; it must end in time, and fail with nothing but an {@link NfsError}. */
async function attempt<T>({ counts }: Actor, operation: () => Promise<T>): Promise<Outcome<T>> {
  counts.operations += 1;
  const start = performance.now();
  try {
    return { done: await operation() };
  } catch (error) {
    expect(error).toBeInstanceOf(NfsError);
    if (!(error instanceof NfsError)) throw error;
    if (!isStatus(error, "NFS4ERR_NOENT") && !(error instanceof PreconditionError)) counts.failed += 1;
    return { failed: error };
  } finally {
    const took = performance.now() - start;
    counts.slowest = Math.max(counts.slowest, took);
    expect(took).toBeLessThan(TIMEOUT + LATENESS);
  }
}

function possibleAt(model: Model, name: string): Possible {
  return model.files.get(name) ?? new Set([undefined]);
}

let written = 0;

/** Text that no other write has, of at least `size` bytes. */
function newText(size = 0): string {
  written += 1;
  const label = `<${written}>`;
  return label.repeat(Math.ceil(Math.max(1, size / label.length)));
}

/** Together with what others do at the same time, or alone. */
type Sharing = Pick<OperationOptions, "together">;

function write(name: string, size: number, sharing: Sharing): Command {
  return command(`write ${size} bytes to ${name} ${JSON.stringify(sharing)}`, async (model, actor) => {
    const text = newText(size);
    const before = possibleAt(model, name);
    const outcome = await attempt(actor, () =>
      actor.client.writeFile(`${actor.directory}/${name}`, Buffer.from(text), sharing),
    );
    model.files.set(name, "done" in outcome ? new Set([text]) : new Set([...before, text]));
  });
}

function writeWhereAbsent(name: string): Command {
  return command(`write ${name} where absent`, async (model, actor) => {
    const text = newText();
    const before = possibleAt(model, name);
    const outcome = await attempt(actor, () =>
      actor.client.writeFile(`${actor.directory}/${name}`, Buffer.from(text), { when: "absent" }),
    );
    if ("done" in outcome) {
      expect(before, "a file was replaced that was to be kept").toContain(undefined);
      model.files.set(name, new Set([text]));
    } else if (outcome.failed instanceof PreconditionError) {
      const there = [...before].filter((each) => each !== undefined);
      expect(there, "a file in the way that nobody wrote").not.toEqual([]);
      model.files.set(name, new Set(there));
    } else {
      model.files.set(name, before.has(undefined) ? new Set([...before, text]) : before);
    }
  });
}

function append(name: string): Command {
  return command(`append to ${name}`, async (model, actor) => {
    const text = newText();
    const before = possibleAt(model, name);
    const after = [...before].map((each) => (each ?? "") + text);
    const outcome = await attempt(actor, () =>
      actor.client.appendFile(`${actor.directory}/${name}`, Buffer.from(text)),
    );
    // an append that failed may have made the file and no more
    const made = before.has(undefined) ? [""] : [];
    model.files.set(name, "done" in outcome ? new Set(after) : new Set([...before, ...made, ...after]));
  });
}

function read(name: string, sharing: Sharing = {}): Command {
  return command(`read ${name} ${JSON.stringify(sharing)}`, async (model, actor) => {
    const before = possibleAt(model, name);
    const outcome = await attempt(actor, () => actor.client.readFile(`${actor.directory}/${name}`, sharing));
    if ("done" in outcome) {
      const { data, attributes } = outcome.done;
      const text = data.toString();
      expect(before.has(text), `read ${describe(text)}, possible: ${[...before].map(describe).join(" | ")}`).toBe(true);
      expect(attributes.size).toBe(data.length);
      model.files.set(name, new Set([text]));
    } else if (isStatus(outcome.failed, "NFS4ERR_NOENT")) {
      expect(before.has(undefined), `no file, possible: ${[...before].map(describe).join(" | ")}`).toBe(true);
      model.files.set(name, new Set([undefined]));
    }
  });
}

function remove(name: string, sharing: Sharing): Command {
  return command(`remove ${name} ${JSON.stringify(sharing)}`, async (model, actor) => {
    const before = possibleAt(model, name);
    const outcome = await attempt(actor, () => actor.client.remove(`${actor.directory}/${name}`, sharing));
    if ("done" in outcome) {
      model.files.set(name, new Set([undefined]));
    } else if (isStatus(outcome.failed, "NFS4ERR_NOENT")) {
      expect(before.has(undefined), "a removal that was done twice, or a lost file").toBe(true);
      model.files.set(name, new Set([undefined]));
    } else {
      model.files.set(name, new Set([...before, undefined]));
    }
  });
}

function replaceUnchanged(name: string): Command {
  return command(`replace ${name} while unchanged`, async (model, actor) => {
    const text = newText();
    const path = `${actor.directory}/${name}`;
    const before = possibleAt(model, name);
    const found = await attempt(actor, () => actor.client.stat(path));
    if (!("done" in found)) return;
    const when = { etag: etagOf(found.done) };
    const outcome = await attempt(actor, () => actor.client.writeFile(path, Buffer.from(text), { when }));
    if ("failed" in outcome) {
      expect(outcome.failed, "nobody else writes this file").not.toBeInstanceOf(PreconditionError);
    }
    model.files.set(name, "done" in outcome ? new Set([text]) : new Set([...before, text]));
  });
}

function describe(text: string | undefined): string {
  return text === undefined ? "nothing" : `${text.length} bytes beginning ${text.slice(0, 20)}`;
}

const names = fc.constantFrom(...NAMES);
const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 5000 }) },
  { weight: 2, arbitrary: fc.nat({ max: 300_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1_000_000, max: 6_000_000 }) },
);
const sharing = fc.record({ together: fc.boolean() });
const commands = fc.commands(
  [
    fc.tuple(names, sizes, sharing).map(([name, size, how]) => write(name, size, how)),
    names.map(writeWhereAbsent),
    names.map(append),
    fc.tuple(names, sharing).map(([name, how]) => read(name, how)),
    fc.tuple(names, sharing).map(([name, how]) => read(name, how)),
    fc.tuple(names, sharing).map(([name, how]) => remove(name, how)),
    names.map(replaceUnchanged),
  ],
  { maxCommands: 60, size: "max" },
);

describeEachServer("a client in a failing network", (start, kind) => {
  let server: TestServer;
  let proxy: FaultProxy;
  let client: NfsClient;
  const counts: Counts = { operations: 0, failed: 0, violations: 0, slowest: 0 };
  let run = 0;

  beforeAll(async () => {
    server = await start();
    proxy = await FaultProxy.start(server);
    client = await connectNfs({
      host: proxy.host,
      port: proxy.port,
      operationTimeout: TIMEOUT,
      connectTimeout: 400,
      silenceLimit: 400,
    });
  });

  afterAll(async () => {
    if (proxy !== undefined) proxy.faults = () => undefined;
    await client?.close();
    await proxy?.stop();
    await server?.stop();
  });

  reportAtEnd(`client in a failing network (${kind})`, () => ({
    "operations tried": counts.operations,
    "operations failed": counts.failed,
    ...Object.fromEntries(FAULTS.map((fault) => [`faults: ${fault}`, proxy.injected[fault]])),
    reconnects: client.statistics().reconnects,
    "slowest operation, ms": Math.round(counts.slowest),
    "lost, torn, invented, done twice or late": counts.violations,
  }));

  test("loses no update, tears no read, invents nothing, and ends every operation in time", {
    timeout: 900_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(...Array.from({ length: ACTORS }, () => commands)),
        fc.nat(),
        async (plans, faultSeed) => {
          run += 1;
          const random = seededRandom(faultSeed);
          const choose = (): Fault | undefined =>
            random() < FAULT_SHARE ? FAULTS[Math.floor(random() * FAULTS.length)] : undefined;
          proxy.faults = choose;
          await Promise.all(
            plans.map(async (plan, index) => {
              const directory = `${server.root}/run-${run}-actor-${index}`;
              const model: Model = { files: new Map() };
              const actor: Actor = { client, directory, counts };
              await fc.asyncModelRun(() => ({ model, real: actor }), plan);
              for (const name of NAMES) await read(name).run(model, actor);
            }),
          );
        },
      ),
      { numRuns: rounds(6, 45), seed, endOnFailure: true },
    );
    expect(counts.operations).toBeGreaterThan(500);
    expect(proxy.totalInjected).toBeGreaterThan(20);
  });
});
