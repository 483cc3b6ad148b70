/**
 * Gathers the COMPOUNDs that are to be sent in the same turn of the event loop, and sends as many of them in one request
 * as fit (as vNFS does: M. Chen et al., "vNFS: Maximizing NFS Performance with Compounds and Vectorized I/O", FAST '17).
 *
 * A COMPOUND stops at the first operation that fails. What is behind it was not executed, and is sent again, in halves:
 * so that many failures take no more requests than each by itself, and few round trips after each other.
 */
import { Deadline } from "../deadline.ts";
import { messageOf } from "../errors.ts";
import type { CompoundReply, Operations } from "../wire/compound.ts";
import type { Capabilities } from "./capabilities.ts";
import type { RunOptions } from "./channel.ts";
import { fitsAlone, type JointLimits, joinCompounds, type Member, planJointCompounds } from "./joint-compound.ts";
import { OperationLimit } from "./operation-limit.ts";
import { LOSSES, type Outcome, outcomeUnknown } from "./outcome.ts";
import type { Session } from "./session.ts";

/** Sends one request in a slot of `session`. */
export type SendRequest = (session: Session, operations: Operations, options: RunOptions) => Promise<Outcome>;

interface Gathered extends Member {
  readonly session: Session;
  readonly options: RunOptions;
  readonly settle: (outcome: Outcome | Promise<Outcome>) => void;
}

/** One that is sent with others. */
interface JointMember extends Gathered {
  /** Nobody waits for it any more. */
  abandoned: boolean;
}

/** What a server says to a request that it finds too large. */
const TOO_LARGE = [
  "NFS4ERR_RESOURCE",
  "NFS4ERR_TOO_MANY_OPS",
  "NFS4ERR_REQ_TOO_BIG",
  "NFS4ERR_REP_TOO_BIG",
  "NFS4ERR_REP_TOO_BIG_TO_CACHE",
] as const;

const UNANSWERED = { status: "fulfilled", value: undefined } as const;

export class Gathering {
  readonly #send: SendRequest;
  #gathered: Gathered[] = [];
  readonly #operationLimit = new OperationLimit();

  constructor(send: SendRequest) {
    this.#send = send;
  }

  /** As {@link SendRequest} for the operations of `member`, with others in the same request. */
  add(session: Session, member: Member, options: RunOptions): Promise<Outcome> {
    return new Promise((settle) => {
      if (this.#gathered.length === 0) setImmediate(() => this.#sendGathered());
      this.#gathered.push({ ...member, session, options, settle });
    });
  }

  /**
   * Sends COMPOUNDs in as few requests as they fit into, each once. `undefined` for those that the server did not get to,
   * or that are too large for a request or its reply. Those of a request that fails are rejected.
   */
  async sendTogether(
    session: Session,
    members: readonly Member[],
    options: RunOptions,
  ): Promise<PromiseSettledResult<CompoundReply | undefined>[]> {
    const limits = limitsOf(session.capabilities, options, this.#operationLimit);
    const fitting = members.filter((member) => fitsAlone(member, limits));
    const groups = planJointCompounds(fitting, limits);
    const results = new Map<Operations, PromiseSettledResult<CompoundReply>>();
    const send = async (group: readonly Member[]) => {
      try {
        for (const [operations, value] of await this.#sendOnce(session, group, options)) {
          results.set(operations, { status: "fulfilled", value });
        }
      } catch (reason) {
        for (const { operations } of group) results.set(operations, { status: "rejected", reason });
      }
    };
    await Promise.all(groups.map(send));
    return members.map(({ operations }) => results.get(operations) ?? UNANSWERED);
  }

  /** Sends one COMPOUND of all. Resolves with the replies to those that the server got to. */
  async #sendOnce(
    session: Session,
    members: readonly Member[],
    options: RunOptions,
  ): Promise<Map<Operations, CompoundReply>> {
    const replies = new Map<Operations, CompoundReply>();
    this.#operationLimit.noteRequest();
    const { operations, indexes } = joinCompounds(members);
    const outcome = await this.#send(session, operations, options);
    if (outcome.kind === "lost") {
      if (outcome.executed === "perhaps" && options.once) throw outcomeUnknown(LOSSES[outcome.why]);
      return replies;
    }
    // A lone one that is refused says nothing of how many may share a request.
    if (members.length > 1) this.#noteRefusal(operations, outcome.reply);
    for (const [index, member] of members.entries()) {
      const reply = partOf(outcome.reply, member, indexes[index] ?? []);
      if (reply !== undefined) replies.set(member.operations, reply);
    }
    return replies;
  }

  #noteRefusal(operations: Operations, reply: CompoundReply): void {
    if (reply.failedWith(...TOO_LARGE)) this.#operationLimit.noteRefusal(operations.length, reply.failure?.index ?? 0);
  }

  #sendGathered(): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    for (const members of groupAlike(gathered)) {
      for (const group of this.#plan(members)) void this.#sendAll(asJointMembers(group));
    }
  }

  #plan<Each extends Gathered>(members: readonly Each[]): Each[][] {
    const [first] = members;
    if (first === undefined) return [];
    return planJointCompounds(members, limitsOf(first.session.capabilities, first.options, this.#operationLimit));
  }

  /** Sends one COMPOUND of all, or the only one as it is. Never fails: each member gets what became of it. */
  async #sendAll(members: readonly JointMember[]): Promise<void> {
    const [first, second] = members;
    if (first === undefined) return;
    this.#operationLimit.noteRequest();
    if (second === undefined) {
      first.settle(this.#send(first.session, first.operations, first.options));
      return;
    }
    const { operations, indexes } = joinCompounds(members);
    try {
      const outcome = await this.#send(first.session, operations, jointOptions(first.options, members));
      const unsettled = members.filter((member, index) => !settles(member, outcome, indexes[index] ?? []));
      if (outcome.kind === "answered") this.#noteRefusal(operations, outcome.reply);
      const sendAgain = unsettled.filter(({ abandoned }) => !abandoned);
      const middle = Math.ceil(sendAgain.length / 2);
      void this.#sendAll(sendAgain.slice(0, middle));
      void this.#sendAll(sendAgain.slice(middle));
    } catch (error) {
      for (const { settle } of members) settle(Promise.reject(error));
    }
  }
}

/** Those that one request may have: of one session, and sent in the same way. */
function groupAlike(gathered: readonly Gathered[]): Gathered[][] {
  const groups: Gathered[][] = [];
  for (const each of gathered) {
    const group = groups.find(([first]) => first !== undefined && areAlike(first, each));
    if (group === undefined) groups.push([each]);
    else group.push(each);
  }
  return groups;
}

function areAlike(one: Gathered, other: Gathered): boolean {
  return (
    one.session === other.session &&
    one.options.once === other.options.once &&
    one.options.visible === other.options.visible &&
    one.options.onConnectionLoss === other.options.onConnectionLoss
  );
}

function limitsOf(capabilities: Capabilities, { once }: RunOptions, operationLimit: OperationLimit): JointLimits {
  const { maximumOperations, maximumRequest, maximumRead, maximumCachedReply } = capabilities;
  return {
    operations: operationLimit.within(maximumOperations),
    requestBytes: maximumRequest,
    replyBytes: once ? Math.min(maximumRead, maximumCachedReply) : maximumRead,
  };
}

function jointOptions(options: RunOptions, members: readonly Gathered[]): RunOptions {
  const { onAbandoned: _, ...alike } = options;
  return { ...alike, deadline: lastDeadline(members) };
}

function lastDeadline(members: readonly Gathered[]): Deadline {
  return Deadline.last(members.map(({ options: { deadline } }) => deadline));
}

/** Milliseconds that a member waits beyond its own deadline, at most: a timer for each would cost more than it is worth. */
const DEADLINE_TOLERANCE = 100;

/** Members that wait no longer than their own deadlines, whatever those of the others are. */
function asJointMembers(members: readonly Gathered[]): JointMember[] {
  const last = lastDeadline(members);
  return members.map((member) =>
    member.options.deadline.coincides(last, DEADLINE_TOLERANCE)
      ? { ...member, abandoned: false }
      : withOwnDeadline(member),
  );
}

function withOwnDeadline(member: Gathered): JointMember {
  const { deadline, once = false, visible = once } = member.options;
  let settle: Gathered["settle"] = () => {};
  let isSettled = false;
  const outcome = new Promise<Outcome>((resolve) => {
    settle = (result) => {
      isSettled = true;
      resolve(result);
    };
  });
  const joint: JointMember = { ...member, settle, abandoned: false };
  const waiting = deadline.race(outcome).catch((error: unknown) => {
    if (isSettled) throw error;
    joint.abandoned = true;
    // It may have been sent, or still be.
    throw visible ? outcomeUnknown(messageOf(error), error) : error;
  });
  member.settle(waiting);
  return joint;
}

/** Gives a member its part of the outcome. Returns whether it has one: what was not executed is to be sent again. */
function settles(member: JointMember, outcome: Outcome, indexes: readonly number[]): boolean {
  if (outcome.kind === "lost") {
    member.settle(outcome);
    return true;
  }
  const reply = partOf(outcome.reply, member, indexes);
  if (reply === undefined || (reply.failedWith(...TOO_LARGE) && !reply.changedSomething)) return false;
  member.settle({ kind: "answered", reply });
  return true;
}

/** What a reply says to one of the COMPOUNDs that it is to. */
function partOf(reply: CompoundReply, { operations }: Member, indexes: readonly number[]): CompoundReply | undefined {
  const sequence = 1;
  return reply.part(
    operations,
    indexes.map((index) => index + sequence),
  );
}
