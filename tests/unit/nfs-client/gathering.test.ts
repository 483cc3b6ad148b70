/** Many COMPOUNDs in few requests, held against what each of them does alone. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Deadline } from "../../../packages/nfs-client/src/deadline.ts";
import { ConnectionError, DeadlineError, OutcomeUnknownError } from "../../../packages/nfs-client/src/errors.ts";
import type { RunOptions } from "../../../packages/nfs-client/src/session/channel.ts";
import { Gathering, type SendRequest } from "../../../packages/nfs-client/src/session/gathering.ts";
import type { Member } from "../../../packages/nfs-client/src/session/joint-compound.ts";
import type { Outcome } from "../../../packages/nfs-client/src/session/outcome.ts";
import { type Session, SlotTable } from "../../../packages/nfs-client/src/session/session.ts";
import {
  CompoundReply,
  mutation,
  nothing,
  type Operation,
  type Operations,
  query,
} from "../../../packages/nfs-client/src/wire/compound.ts";
import { Op, type StatusName, statusCode } from "../../../packages/nfs-client/src/wire/constants.ts";
import {
  lookup,
  putRootFileHandle,
  restoreFileHandle,
  saveFileHandle,
} from "../../../packages/nfs-client/src/wire/operations/file-handles.ts";

/** A COMPOUND on one file: what it asks of the server, and what the server makes of it. */
interface Work {
  readonly directory: readonly string[];
  readonly staysInDirectory: boolean;
  /** Operations behind the walk. */
  readonly length: number;
  /** At which of them the server fails, with which status. */
  readonly failsAt: number | undefined;
  readonly status: StatusName;
  readonly dataReceived: number;
}

interface Prepared extends Work {
  readonly walk: Operations;
  readonly own: Operations;
}

const DIRECTORIES = [[], ["a"], ["a", "b"], ["a", "c"], ["missing"], ["a", "missing", "deeper"]] as const;

const work: fc.Arbitrary<Work> = fc.record({
  directory: fc.constantFrom(...DIRECTORIES),
  staysInDirectory: fc.boolean(),
  length: fc.integer({ min: 1, max: 6 }),
  failsAt: fc.option(fc.nat(6), { nil: undefined, freq: 3 }),
  status: fc.constantFrom<StatusName>("NFS4ERR_NOENT", "NFS4ERR_ACCESS", "NFS4ERR_DELAY", "NFS4ERR_RESOURCE"),
  dataReceived: fc.nat(60_000),
});

function prepare(each: Work): Prepared {
  const own = Array.from({ length: each.length }, (_, index) => query(Op.GETATTR, nothing, () => index));
  return { ...each, walk: [putRootFileHandle, ...each.directory.map(lookup)], own };
}

const sequence: Operation<string> = query(Op.SEQUENCE, nothing, () => "sequence");

/** A server without a wire: it walks, saves and restores, and fails where the works say so. */
class Server {
  readonly requests: Operations[] = [];
  /** What each work's own operations returned, once for each execution. */
  readonly executed = new Map<Operation<unknown>, number>();
  readonly #owners: ReadonlyMap<Operation<unknown>, Prepared>;
  readonly #names: ReadonlyMap<Operation<unknown>, string>;
  #maxOperations: number;

  constructor(works: readonly Prepared[], maxOperations = Number.POSITIVE_INFINITY) {
    this.#owners = new Map(works.flatMap((each) => each.own.map((operation) => [operation, each] as const)));
    this.#names = new Map(
      works.flatMap(({ walk, directory }) =>
        walk.slice(1).map((operation, index) => [operation, directory[index] ?? ""] as const),
      ),
    );
    this.#maxOperations = maxOperations;
  }

  set maxOperations(count: number) {
    this.#maxOperations = count;
  }

  readonly send: SendRequest = async (_session, operations): Promise<Outcome> => {
    this.requests.push(operations);
    const results: unknown[] = ["sequence"];
    let current: string[] | undefined;
    let saved: string[] | undefined;
    const all = [sequence, ...operations];
    for (const [at, operation] of operations.entries()) {
      const index = at + 1;
      const fail = (status: StatusName): Outcome => {
        const failure = { index, operation, code: statusCode(status) };
        return { kind: "answered", reply: new CompoundReply(all, results, failure) };
      };
      if (at >= this.#maxOperations) return fail("NFS4ERR_RESOURCE");
      const owner = this.#owners.get(operation);
      const name = this.#names.get(operation);
      if (operation === putRootFileHandle) current = [];
      else if (operation === saveFileHandle) saved = current;
      else if (operation === restoreFileHandle) {
        if (saved === undefined) return fail("NFS4ERR_RESTOREFH");
        current = saved;
      } else if (name !== undefined) {
        if (name === "missing") return fail("NFS4ERR_NOENT");
        current = [...(current ?? []), name];
      } else if (owner !== undefined) {
        const place = owner.own.indexOf(operation);
        // The first of a work's operations leads from its directory to its file.
        const expected = place === 0 || owner.staysInDirectory ? owner.directory : [...owner.directory, "file"];
        expect(current, "an operation on something else than its file").toEqual(expected);
        if (place === owner.failsAt) return fail(owner.status);
        this.executed.set(operation, (this.executed.get(operation) ?? 0) + 1);
        if (!owner.staysInDirectory) current = [...owner.directory, "file"];
      }
      results.push(operation.decode(undefined as never));
    }
    return { kind: "answered", reply: new CompoundReply(all, results, undefined) };
  };
}

const LIMITS = { maximumOperations: 40, maximumRequest: 64 * 1024, maximumRead: 64 * 1024, maximumCachedReply: 2048 };

function sessionOf(limits: Partial<typeof LIMITS> = {}): Session {
  const capabilities = {
    ...LIMITS,
    ...limits,
    maximumWrite: 64 * 1024,
    maximumDirectoryPage: 64 * 1024,
    leaseTime: 90,
    slots: 1,
    attributes: new Set<never>(),
    serverOwner: "",
    verify: true,
    link: true,
    anonymousRead: true,
    currentStateid: true,
    lockOnCurrentStateid: true,
  };
  const identity = { clientId: 1n, sequenceId: 1 };
  return { id: Buffer.alloc(16), identity, slots: new SlotTable(1), capabilities };
}

function options(change: Partial<RunOptions> = {}): RunOptions {
  return { deadline: new Deadline(60_000), onConnectionLoss: "recover", ...change };
}

function memberOf({ walk, own, directory, staysInDirectory, dataReceived }: Prepared): Member {
  return { operations: [...walk, ...own], together: { directory, staysInDirectory, dataReceived } };
}

function add(gathering: Gathering, session: Session, each: Prepared, run = options()): Promise<Outcome> {
  return gathering.add(session, memberOf(each), run);
}

function meaningOf(outcome: Outcome, each: Prepared): unknown {
  if (outcome.kind === "lost") return outcome;
  const { reply } = outcome;
  return {
    status: reply.status,
    index: reply.failure?.index,
    results: each.own.map((operation) => reply.reached(operation) && reply.of(operation)),
  };
}

async function alone(each: Prepared): Promise<unknown> {
  const outcome = await new Server([each]).send(sessionOf(), [...each.walk, ...each.own], options());
  return meaningOf(outcome, each);
}

describe("COMPOUNDs that are gathered", () => {
  test("each do what they do alone, whichever of them fail, in requests within the limits", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(work, { maxLength: 60 }),
        fc.option(fc.integer({ min: 12, max: 60 })),
        async (works, most) => {
          const prepared = works.map(prepare);
          const server = new Server(prepared, most ?? undefined);
          const gathering = new Gathering(server.send);
          const session = sessionOf();
          const outcomes = await Promise.all(prepared.map((each) => add(gathering, session, each)));
          for (const [index, each] of prepared.entries()) {
            const outcome = outcomes[index];
            expect(outcome && meaningOf(outcome, each)).toEqual(await alone(each));
          }
          for (const operations of server.requests) {
            expect(operations.length).toBeLessThanOrEqual(LIMITS.maximumOperations);
          }
          for (const each of prepared) {
            // What comes before a failure that is taken for one of the request as a whole is executed again.
            if (each.status === "NFS4ERR_RESOURCE" || most !== null) continue;
            for (const operation of each.own) expect(server.executed.get(operation) ?? 0).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("take no more requests than there are of them, and few where few fail", async () => {
    const good = {
      directory: ["a", "b"],
      staysInDirectory: false,
      length: 3,
      status: "NFS4ERR_NOENT",
      dataReceived: 0,
    } as const;
    for (const failures of [0, 1, 5, 100]) {
      const prepared = Array.from({ length: 100 }, (_, index) =>
        prepare({ ...good, failsAt: index % (100 / Math.max(1, failures)) === 0 && failures > 0 ? 0 : undefined }),
      );
      const server = new Server(prepared);
      const gathering = new Gathering(server.send);
      const session = sessionOf();
      await Promise.all(prepared.map((each) => add(gathering, session, each)));
      const perRequest = 9;
      expect(server.requests.length).toBeLessThanOrEqual(Math.min(100, Math.ceil(100 / perRequest) + 2 * failures));
    }
  });

  test("of one directory share the way to it, and need none back where they stay there", async () => {
    const removal = {
      directory: ["a", "b"],
      staysInDirectory: true,
      length: 1,
      status: "NFS4ERR_NOENT",
      dataReceived: 0,
    } as const;
    const prepared = Array.from({ length: 36 }, () => prepare({ ...removal, failsAt: undefined }));
    const server = new Server(prepared);
    const gathering = new Gathering(server.send);
    const session = sessionOf();
    await Promise.all(prepared.map((each) => add(gathering, session, each)));
    expect(server.requests.map(({ length }) => length)).toEqual([40]);
  });

  test("that are alone in their directories share the way to the one above", async () => {
    const reading = { staysInDirectory: false, length: 1, status: "NFS4ERR_NOENT", dataReceived: 0 } as const;
    const prepared = Array.from({ length: 12 }, (_, index) =>
      prepare({ ...reading, directory: ["a", "b", `${index}`], failsAt: undefined }),
    );
    const server = new Server(prepared);
    const gathering = new Gathering(server.send);
    const session = sessionOf();
    await Promise.all(prepared.map((each) => add(gathering, session, each)));
    const wayAndSaved = 4;
    expect(server.requests.map(({ length }) => length)).toEqual([wayAndSaved + 12 * 2 + 11]);
  });

  const one = {
    directory: ["a"],
    staysInDirectory: false,
    length: 2,
    failsAt: undefined,
    status: "NFS4ERR_NOENT",
    dataReceived: 0,
  } as const;

  test("become fewer a request where the server executes fewer, and as many as before where it was so for a while", async () => {
    const prepared = Array.from({ length: 40 }, () => prepare(one));
    const server = new Server(prepared);
    const gathering = new Gathering(server.send);
    const session = sessionOf();
    const longest = async () => {
      const before = server.requests.length;
      await Promise.all(prepared.map((each) => add(gathering, session, each)));
      return Math.max(...server.requests.slice(before).map(({ length }) => length));
    };
    const full = await longest();
    server.maxOperations = 12;
    await longest();
    expect(await longest()).toBeLessThanOrEqual(20);
    server.maxOperations = Number.POSITIVE_INFINITY;
    let rounds = 1;
    while ((await longest()) < full) rounds += 1;
    expect(rounds).toBeLessThan(500);
  });

  test("are seldom refused by a server that always executes fewer", async () => {
    const prepared = Array.from({ length: 40 }, () => prepare(one));
    const server = new Server(prepared, 12);
    const gathering = new Gathering(server.send);
    const session = sessionOf();
    for (let round = 0; round < 400; round++) {
      await Promise.all(prepared.map((each) => add(gathering, session, each)));
    }
    const refused = server.requests.filter(({ length }) => length > 12).length;
    expect(refused).toBeLessThanOrEqual(0.02 * server.requests.length);
  });

  test("are as many a request as before when a lone one was refused, which says nothing of several", async () => {
    const refused = prepare({ ...one, failsAt: 0, status: "NFS4ERR_RESOURCE" });
    const others = Array.from({ length: 8 }, () => prepare(one));
    const server = new Server([refused, ...others]);
    const gathering = new Gathering(server.send);
    const session = sessionOf();
    const read = (works: readonly Prepared[]) => gathering.sendTogether(session, works.map(memberOf), options());
    const [result] = await read([refused]);
    expect(result).toMatchObject({ status: "fulfilled", value: { status: "NFS4ERR_RESOURCE" } });
    await read(others);
    expect(server.requests).toHaveLength(2);
  });

  test("all learn that the request was lost", async () => {
    const lost: Outcome = { kind: "lost", executed: "perhaps", why: "reply-lost" };
    const gathering = new Gathering(async () => lost);
    const session = sessionOf();
    const outcomes = await Promise.all([one, one, one].map((each) => add(gathering, session, prepare(each))));
    expect(outcomes).toEqual([lost, lost, lost]);
    const failing = new Gathering(() => Promise.reject(new ConnectionError("cut")));
    const settled = await Promise.allSettled([one, one].map((each) => add(failing, session, prepare(each))));
    for (const each of settled) expect(each).toMatchObject({ status: "rejected", reason: { message: "cut" } });
  });

  test("wait no longer than their own deadlines, and say so where something may have changed", async () => {
    let answer: (outcome: Outcome) => void = () => {};
    const gathering = new Gathering(() => new Promise((resolve) => (answer = resolve)));
    const session = sessionOf();
    const hasty = options({ deadline: new Deadline(20) });
    const first = add(gathering, session, prepare(one), hasty);
    const second = add(gathering, session, prepare(one));
    await expect(first).rejects.toBeInstanceOf(DeadlineError);
    answer({ kind: "lost", executed: "no", why: "session-lost" });
    expect(await second).toMatchObject({ kind: "lost" });

    const visible = (milliseconds: number) => options({ visible: true, deadline: new Deadline(milliseconds) });
    const [change] = [
      add(gathering, session, prepare(one), visible(20)),
      add(gathering, session, prepare(one), visible(60_000)),
    ];
    await expect(change).rejects.toBeInstanceOf(OutcomeUnknownError);
    answer({ kind: "lost", executed: "no", why: "session-lost" });
  });

  test("with other options go in other requests", async () => {
    const prepared = [one, one, one, one].map(prepare);
    const server = new Server(prepared);
    const gathering = new Gathering(server.send);
    const session = sessionOf();
    const ways = [
      options(),
      options({ once: true }),
      options({ onConnectionLoss: "fail" }),
      options({ visible: true }),
    ];
    await Promise.all(prepared.map((each, index) => add(gathering, session, each, ways[index])));
    expect(server.requests).toHaveLength(4);
  });

  test("that are to be cached are no more than the server caches", async () => {
    const change = mutation(Op.REMOVE, nothing, nothing);
    expect(change.mutates).toBe(true);
    const removal = { ...one, staysInDirectory: true, length: 1 } as const;
    const prepared = Array.from({ length: 30 }, () => prepare(removal));
    const server = new Server(prepared);
    const gathering = new Gathering(server.send);
    const session = sessionOf();
    await Promise.all(prepared.map((each) => add(gathering, session, each, options({ once: true }))));
    const replyBytes = server.requests.map(({ length }) => 100 * length);
    expect(Math.max(...replyBytes)).toBeLessThanOrEqual(LIMITS.maximumCachedReply);
  });
});
