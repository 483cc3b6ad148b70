/**
 * What to do next: pure decisions.
 *
 * Nothing is remembered from one step to the next but what both regions themselves say. So a run may be ended at any
 * step, by a crash or an operator, and another run of the same or of another command goes on from what it finds.
 *
 * Three rules make that safe:
 * - Whoever is to be the next primary declares it first, in its own region, with a higher epoch. Routers of the old one
 *   that see it stop at once; those that cannot see it stop when their lease ends. Only then the role is written.
 * - A primary confirms its role again before it gets a replica, which somebody could promote. Only `standby-is-lost` ends
 *   that, on the operator's word.
 * - A region without the primary's data is not promoted before it is a complete replica.
 */
import { nextEpoch, type RegionRole } from "@efs-mount-autoscaling/mount-table";
import { adviceOn } from "./advice.ts";
import { declaredSide, hasData, highestEpoch, isKnown, takeoverOf, whyUnknown } from "./declaration.ts";
import {
  type Action,
  type Observation,
  otherSide,
  type RegionView,
  type ReplicationView,
  type Side,
} from "./observation.ts";

export interface Command {
  readonly name: "promote" | "failback" | "standby-is-lost";
  /** The region that takes over, comes back, or goes on alone. */
  readonly side: Side;
  /** The operator knows that the other region is lost, although it may seem to be there. */
  readonly otherIsLost: boolean;
}

/** Milliseconds. */
export interface Limits {
  /** For which a router may write without confirming that its region is the primary. */
  readonly lease: number;
  /** For a read of a parameter to be stale, and for clocks to differ. */
  readonly margin: number;
  /** The replica may be so far behind when writes are frozen: they stay frozen until it has caught up. */
  readonly maxLag: number;
  /** For the replication to be ended, and the replica to take writes. AWS says several minutes. */
  readonly deletionTimeout: number;
  /** For a replica to have everything for the first time. */
  readonly firstSyncTimeout: number;
  /** For a replica to have the last writes, while nobody may write. */
  readonly lastSyncTimeout: number;
}

const MINUTE = 60_000;

export const DEFAULT_LIMITS = {
  margin: 5_000,
  maxLag: 20 * MINUTE,
  deletionTimeout: 30 * MINUTE,
  firstSyncTimeout: 24 * 60 * MINUTE,
  lastSyncTimeout: 60 * MINUTE,
} as const;

/** `say` is for the operator. */
export type Decision =
  | { readonly kind: "act"; readonly action: Action; readonly say: string }
  /** Until the observation leads to another decision. */
  | { readonly kind: "wait"; readonly say: string; readonly timeout: number }
  | { readonly kind: "done"; readonly state: "paired" | "alone"; readonly primary: Side; readonly say: string }
  | { readonly kind: "refuse"; readonly say: string };

export function nextStep(command: Command, seen: Observation, limits: Limits): Decision {
  return new Planner(seen, limits).next(command);
}

/** The takeovers that a document remembers. Tokens of writes before the oldest are years old. */
const MAX_TAKEOVERS = 10;

class Planner {
  readonly #seen: Observation;
  readonly #limits: Limits;

  constructor(seen: Observation, limits: Limits) {
    this.#seen = seen;
    this.#limits = limits;
  }

  next(command: Command): Decision {
    switch (command.name) {
      case "promote":
        return this.#promote(command.side, command.otherIsLost);
      case "failback":
        return this.#failback(command.side);
      case "standby-is-lost":
        return this.#goOnAlone(command.side, command.otherIsLost);
    }
  }

  #promote(side: Side, otherIsLost: boolean): Decision {
    const target = this.#seen[side];
    const other = this.#seen[otherSide(side)];
    if (!isKnown(target)) return refuse(whyUnknown(target));
    const isDeclared = declaredSide(this.#seen) === side && target.role.epoch === highestEpoch(this.#seen);
    if (isDeclared && target.role.role === "primary") {
      if (otherIsLost && !other.reachable && !target.role.alone) return this.#goOnAlone(side, otherIsLost);
      return this.#demoteOther(side) ?? this.#unfence(side) ?? this.#done(side, this.#lossBy(side));
    }
    if (isDeclared && target.role.role === "standby") return this.#finishDeclared(side);
    if (isDeclared && target.role.role === "frozen" && isKnown(other)) {
      return this.#writeRole(side, { role: "primary" }, `Let ${target.name} take writes again`);
    }
    if (!otherIsLost && seemsToBeThere(other)) {
      return refuse(
        `${whatAnswers(other)} still answer: to take over loses what is not replicated yet. ` +
          "Use failback to change the primary without loss, or --primary-is-lost if that region cannot be used",
      );
    }
    if (target.role.role === "standby" && !hasData(target, side)) {
      return refuse(
        `${target.name} may not have all that was written until epoch ${target.role.epoch}: its first sync is not over, ` +
          "or failback has not noted that. " +
          `Use failback when ${other.name} can be reached, or restore a backup`,
      );
    }
    // It may not be reachable any more when it is to stop.
    const confirm = this.#requireConfirmation(otherSide(side));
    if (confirm !== undefined) return confirm;
    if (other.reachable && other.fileSystem === "writable" && !other.fenced) {
      return act({ kind: "fence", side: otherSide(side) }, `Deny writes to the file system in ${other.name}`);
    }
    return this.#declare(side, true);
  }

  /** Declares the next primary, before it is one: the old one must stop first. */
  #declare(side: Side, isTakeover: boolean): Decision {
    const target = this.#seen[side];
    const epoch = nextEpoch(highestEpoch(this.#seen), target.name, this.#seen[otherSide(side)].name);
    const until = target.role?.role === "standby" ? (target.replication?.replicatedUntil ?? 0) : target.roleModifiedAt;
    const takeover = { epoch, replicated_until: new Date(until).toISOString() };
    const takeovers = [...(target.role?.takeovers ?? []), ...(isTakeover ? [takeover] : [])].slice(-MAX_TAKEOVERS);
    const kept = target.role?.role === "frozen" ? `, with all that was written in ${target.name}` : "";
    const loss = isTakeover ? `${kept}. ${this.#lossSince(side, takeover.replicated_until)}` : "";
    return this.#writeRole(
      side,
      { role: "standby", epoch, takeovers, alone: false },
      `Declare ${target.name} the next primary, at epoch ${epoch}${loss}`,
    );
  }

  /** What a takeover has lost, as long as it is the last change of the primary. */
  #lossBy(side: Side): string {
    const { role } = this.#seen[side];
    const until = role && takeoverOf(role);
    return until === undefined ? "" : `. ${this.#lossSince(side, until)}`;
  }

  /** True also where the region was the writer itself: then nothing was written in the other one. */
  #lossSince(side: Side, replicatedUntil: string): string {
    return `What was written in ${this.#seen[otherSide(side)].name} after ${replicatedUntil} is lost`;
  }

  /** Makes a region the primary that was declared to be the next one. */
  #finishDeclared(side: Side): Decision {
    const target = this.#seen[side];
    const { role } = target;
    if (role === undefined) return refuse(whyUnknown(target));
    const isTakeover = takeoverOf(role) !== undefined;
    // In a planned change the old primary is frozen, and asks its clients to retry, until the new one is there.
    if (isTakeover) {
      const demote = this.#demoteOther(side);
      if (demote !== undefined) return demote;
    }
    if (target.replication?.destination === side) return this.#endReplication(side, target.replication);
    if (target.fileSystem === "replica") {
      return wait(`The file system in ${target.name} is becoming writable`, this.#limits.deletionTimeout);
    }
    if (target.fileSystem === "overwritable") {
      return act({ kind: "protect", side }, `Protect the file system in ${target.name} from being overwritten`);
    }
    const unfence = this.#unfence(side);
    if (unfence !== undefined) return unfence;
    if (!this.#hasStopped(otherSide(side))) return this.#waitForLease(otherSide(side));
    return this.#writeRole(
      side,
      { role: "primary", alone: true },
      `Make ${target.name} the primary, at epoch ${role.epoch}`,
    );
  }

  /**
   * EFS ends a replication in both regions, unless it cannot: then it refuses, shows an error, or does not come to the end
   * (EFS, DeleteReplicationConfiguration). So it has to be ended in this region alone where the other one has no half of
   * it, and where EFS was asked for both, and has not done it in time. What is left in the other one `#replicate` ends.
   */
  #endReplication(side: Side, replication: ReplicationView): Decision {
    const { name } = this.#seen[side];
    const other = this.#seen[otherSide(side)];
    const isEnding = replication.status === "deleting";
    const here = (why: string) =>
      act({ kind: "delete-replication", side, where: "here" }, `End the replication in ${name} alone, since ${why}`);
    if (!isEnding && other.reachable && isBetweenBoth(replication) && !isSame(replication, other.replication)) {
      return here(`${other.name} has none`);
    }
    if (this.#isOverdue(side, isEnding)) {
      return here(other.reachable ? "EFS does not end it in both regions" : `${other.name} does not answer`);
    }
    if (isEnding) return wait(`The replication of ${name} is being ended`, this.#limits.deletionTimeout);
    return act(
      { kind: "delete-replication", side, where: "everywhere" },
      `End the replication that ${name} is part of`,
    );
  }

  /** Whether EFS had the time to end a replication in both regions, since it was asked for that. */
  #isOverdue(side: Side, isEnding: boolean): boolean {
    const { lease, margin, deletionTimeout } = this.#limits;
    const { replicationAge, roleAge } = this.#seen[side];
    const isLost = !this.#seen[otherSide(side)].reachable;
    // A run that finds the replication unchanged asks for both regions itself first.
    const age = isLost && isEnding ? roleAge : Math.min(roleAge, replicationAge);
    // The lease has to end anyway.
    return age > (isLost ? lease + margin : deletionTimeout / 2);
  }

  /** Whether no router of a region can have a lease any more, where the other region was declared primary. */
  #hasStopped(side: Side): boolean {
    const { lease, margin } = this.#limits;
    const old = this.#seen[side];
    const target = this.#seen[otherSide(side)];
    if (isKnown(old) && old.role.role !== "primary" && old.roleAge >= lease + margin) return true;
    const witness = (old.role ?? target.role)?.peer.parameter_name;
    const since = witness === undefined ? target.replicationAge : target.roleAge;
    return since >= lease + margin;
  }

  #waitForLease(side: Side): Decision {
    const { lease, margin } = this.#limits;
    return wait(
      `The routers in ${this.#seen[side].name} stop taking writes within ${(lease + margin) / 1_000} s`,
      2 * (lease + margin),
    );
  }

  /** Tells the region that is not the primary, where it can be told, and does not know it. */
  #demoteOther(primary: Side): Decision | undefined {
    const side = otherSide(primary);
    const { role } = this.#seen[primary];
    const other = this.#seen[side];
    if (role === undefined || !isKnown(other)) return undefined;
    if (other.role.role === "standby" && other.role.epoch === role.epoch) return undefined;
    return this.#writeRole(
      side,
      { role: "standby", epoch: role.epoch, takeovers: role.takeovers, alone: true },
      `Make ${other.name} a standby, at epoch ${role.epoch}`,
    );
  }

  #goOnAlone(side: Side, otherIsLost: boolean): Decision {
    const primary = this.#seen[side];
    const other = this.#seen[otherSide(side)];
    if (!isKnown(primary)) return this.#refuseWithAdvice(whyUnknown(primary));
    if (declaredSide(this.#seen) !== side || primary.role.role === "standby") {
      return this.#refuseWithAdvice(`${primary.name} is not the primary: it cannot go on without ${other.name}`);
    }
    if (primary.role.role === "primary" && primary.role.alone) return this.#done(side);
    if (!otherIsLost && seemsToBeThere(other)) {
      return refuse(
        `${whatAnswers(other)} still answer: alone, ${primary.name} would take writes although ${other.name} could be ` +
          "promoted. Use --insist if it takes no writes all the same, and nobody promotes the other region",
      );
    }
    return this.#writeRole(
      side,
      { role: "primary", alone: true },
      `Let ${primary.name} take writes without confirming in ${other.name} that it is the primary`,
    );
  }

  #failback(home: Side): Decision {
    for (const view of [this.#seen.home, this.#seen.standby]) {
      if (!isKnown(view)) return this.#refuseWithAdvice(whyUnknown(view));
    }
    const side = declaredSide(this.#seen);
    if (side === undefined) return refuse("Neither region was ever the primary");
    const declared = this.#seen[side];
    if (declared.role?.epoch !== highestEpoch(this.#seen)) {
      return refuse(
        `${declared.name} does not know of epoch ${highestEpoch(this.#seen)}, at which it was declared primary`,
      );
    }
    if (declared.role.role === "standby") return this.#finishDeclared(side);
    const demote = this.#demoteOther(side);
    if (demote !== undefined) return demote;
    const unfence = this.#unfence(side);
    if (unfence !== undefined) return unfence;
    if (side === home) return this.#pair(side);
    return declared.role.role === "frozen" ? this.#handOver(side) : this.#prepareHandOver(side);
  }

  /** Gives the primary a replica in the other region; undefined when it has one. */
  #replicate(side: Side): Decision | undefined {
    const primary = this.#seen[side];
    const to = otherSide(side);
    const replica = this.#seen[to];
    for (const each of [side, to]) {
      const { replication } = this.#seen[each];
      if (replication === undefined || (replication.source === side && replication.destination === to)) continue;
      return this.#endReplication(each, replication);
    }
    for (const each of [side, to]) {
      const { replication } = this.#seen[each];
      if (replication?.status === "deleting") return this.#endReplication(each, replication);
    }
    const halves = [primary.replication, replica.replication];
    if (halves.every((half) => half !== undefined)) return undefined;
    if (halves.some((half) => half !== undefined)) {
      // AWS shows it in both regions, unless it was deleted in one of them only.
      const half = primary.replication === undefined ? to : side;
      const { replication, replicationAge } = this.#seen[half];
      const { margin, deletionTimeout } = this.#limits;
      if (replicationAge < (replication?.status === "enabling" ? deletionTimeout : margin)) {
        return wait("The replication is being set up in both regions", 2 * deletionTimeout);
      }
      return act(
        { kind: "delete-replication", side: half, where: "here" },
        `End the half of a replication that is left in ${this.#seen[half].name}`,
      );
    }
    // From here on the other region may be promoted: no router of this one may write without confirming its role.
    const confirm = this.#requireConfirmation(side);
    if (confirm !== undefined) return confirm;
    if (primary.roleAge < this.#limits.lease + this.#limits.margin) {
      return wait(
        `The routers in ${primary.name} go back to confirming their role`,
        2 * (this.#limits.lease + this.#limits.margin),
      );
    }
    if (replica.fileSystem === "writable") {
      return act({ kind: "allow-overwrite", side: to }, `Allow the file system in ${replica.name} to be overwritten`);
    }
    return act({ kind: "create-replication", from: side }, `Replicate ${primary.name} to ${replica.name}`);
  }

  #requireConfirmation(side: Side): Decision | undefined {
    const { role, name } = this.#seen[side];
    if (role?.role !== "primary" || !role.alone) return undefined;
    return this.#writeRole(side, { alone: false }, `Let ${name} confirm its role again before it takes writes`);
  }

  #unfence(side: Side): Decision | undefined {
    const { fenced, name } = this.#seen[side];
    return fenced ? act({ kind: "unfence", side }, `Allow writes to the file system in ${name}`) : undefined;
  }

  /** Waits until the replica has everything once, and notes that; undefined when it is noted. */
  #awaitFirstSync(side: Side): Decision | undefined {
    const to = otherSide(side);
    const { replication, name, role } = this.#seen[to];
    if (replication?.status === "error" || replication?.status === "paused") {
      return refuse(`The replication to ${name} is in the state ${replication.status}: the EFS console says why`);
    }
    if (replication?.status === "enabled" && replication.replicatedUntil !== undefined) {
      if (role?.alone !== true) return undefined;
      return this.#writeRole(to, { alone: false, refused_writes: undefined }, `Note that ${name} is a replica`);
    }
    return wait(`The first sync to ${name} is in progress`, this.#limits.firstSyncTimeout);
  }

  #pair(side: Side): Decision {
    const { name } = this.#seen[side];
    if (this.#seen[side].role?.role === "frozen") {
      return this.#writeRole(side, { role: "primary" }, `Let ${name} take writes again`);
    }
    return (
      this.#replicate(side) ??
      this.#requireConfirmation(side) ??
      this.#unfence(otherSide(side)) ??
      this.#awaitFirstSync(side) ??
      this.#done(side)
    );
  }

  #prepareHandOver(side: Side): Decision {
    const { name } = this.#seen[side];
    const replica = this.#seen[otherSide(side)];
    const step = this.#replicate(side) ?? this.#requireConfirmation(side) ?? this.#awaitFirstSync(side);
    if (step !== undefined) return step;
    const lag = this.#seen.now - (replica.replication?.replicatedUntil ?? 0);
    if (lag > this.#limits.maxLag) {
      return wait(`${replica.name} is ${Math.round(lag / 1_000)} s behind`, this.#limits.firstSyncTimeout);
    }
    return this.#writeRole(side, { role: "frozen" }, `Freeze writes in ${name}`);
  }

  /** Nobody writes any more: whatever was acknowledged is replicated, and the other region takes over. */
  #handOver(side: Side): Decision {
    const { lease, margin } = this.#limits;
    const { name, role, roleModifiedAt } = this.#seen[side];
    const to = otherSide(side);
    const { replication } = this.#seen[to];
    if (role === undefined) return refuse(whyUnknown(this.#seen[side]));
    if (replication?.source !== side || replication.status !== "enabled") {
      return this.#writeRole(side, { role: "primary" }, `Let ${name} take writes again: it has no replica`);
    }
    // Until then a router may have acknowledged writes. Both times are by the clock of AWS.
    if ((replication.replicatedUntil ?? 0) <= roleModifiedAt + lease + margin) {
      return wait(`The last writes are being replicated to ${this.#seen[to].name}`, this.#limits.lastSyncTimeout);
    }
    return this.#declare(to, false);
  }

  /** @param more What else there is to say. */
  #done(side: Side, more = ""): Decision {
    const { name, role } = this.#seen[side];
    const replica = this.#seen[otherSide(side)];
    const isReplicated = replica.replication?.source === side;
    if (isReplicated && role?.alone === false && replica.role?.alone === false) {
      const say = `${name} is the primary, and ${replica.name} its standby${more}`;
      return { kind: "done", state: "paired", primary: side, say };
    }
    const say = isReplicated
      ? `${name} is the primary, alone. It is still replicated to ${replica.name}, which nobody may promote before failback`
      : `${name} is the primary, without a standby`;
    return { kind: "done", state: "alone", primary: side, say: `${say}${more}` };
  }

  #refuseWithAdvice(say: string): Decision {
    return refuse(`${say}. Next: ${adviceOn(this.#seen)}`);
  }

  #writeRole(side: Side, changes: Partial<RegionRole>, say: string): Decision {
    const { role: before } = this.#seen[side];
    if (before === undefined) return refuse(whyUnknown(this.#seen[side]));
    // Of two documents of one epoch the later one counts, whatever the clocks of two operators say.
    const changedAt = Math.max(this.#seen.now, Date.parse(before.changed_at) + 1);
    const role = { ...before, ...changes, changed_at: new Date(changedAt).toISOString() };
    if (changes.role === "primary") delete role.refused_writes;
    return act({ kind: "write-role", side, role }, say);
  }
}

/** Whether it is one of the two regions, and of no third one. */
function isBetweenBoth({ source, destination }: ReplicationView): boolean {
  return source !== undefined && destination !== undefined;
}

function isSame({ source, destination }: ReplicationView, other: ReplicationView | undefined): boolean {
  return other?.source === source && other?.destination === destination;
}

function seemsToBeThere({ reachable, routersAnswer }: RegionView): boolean {
  return reachable || routersAnswer;
}

function whatAnswers({ name, reachable }: RegionView): string {
  return `The ${reachable ? "APIs of" : "routers in"} ${name}`;
}

function act(action: Action, say: string): Decision {
  return { kind: "act", action, say };
}

function wait(say: string, timeout: number): Decision {
  return { kind: "wait", say, timeout };
}

function refuse(say: string): Decision {
  return { kind: "refuse", say };
}
