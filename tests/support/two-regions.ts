/**
 * Two regions in memory: file systems, replication that lags, parameters that are read late, routers that poll, links
 * that are cut, and regions that die. Time goes on only when told to.
 */
import { nextEpoch, type RegionRole } from "@efs-mount-autoscaling/mount-table";
import type { Action, Side } from "../../failover/observation.ts";
import { otherSide, SIDES } from "../../failover/observation.ts";
import { type Clock, type Glimpse, NOTHING_SEEN, NotNowError, type World } from "../../failover/run.ts";
import {
  type Known,
  type Lease,
  MAX_SOURCE_LAG,
  mayAcknowledge,
  NO_LEASE,
  NOTHING_KNOWN,
  notePeer,
  noteRole,
  noteSource,
  renewed,
  verdictOn,
} from "../../fargate-app/src/region/authority.ts";
import { type ReadVerdict, verdictOnRead, type WriteToken } from "../../fargate-app/src/region/write-token.ts";

/** Milliseconds. */
export const LEASE = 10_000;
export const MARGIN = 5_000;
const MAX_STALENESS = 2_000;
const SYNC = 8_000;
export const MAX_SYNC = 90_000;
const DELETION = 20_000;
/** By which routers make their tokens later: their clocks are wrong by less. */
const CLOCK_TOLERANCE = 1_000;

/** The content of a file: the write that made it, and those that it replaced. */
interface Content {
  readonly write: number;
  readonly replaced: ReadonlySet<number>;
}

interface Half {
  readonly id: number;
  readonly source: Side;
  readonly destination: Side;
  status: "enabling" | "enabled" | "deleting" | "error";
  replicatedUntil: number | undefined;
}

export interface SimulatedRouter {
  known: Known;
  lease: Lease;
  replicatedUntil: number | undefined;
  nextPoll: number;
}

interface SimulatedRegion {
  alive: boolean;
  diedAt: number;
  /** Every version, with when it was written. */
  roles: { readonly at: number; readonly role: RegionRole }[];
  files: Map<string, Content>;
  protection: "writable" | "replica" | "overwritable";
  fenced: boolean;
  half: Half | undefined;
  /** When its half is gone. */
  deletedAt: number;
  waitsForOther: boolean;
  routers: SimulatedRouter[];
}

interface Sync {
  readonly of: Half;
  readonly from: number;
  readonly snapshot: ReadonlyMap<string, Content>;
  readonly endsAt: number;
}

export interface SimulatedWrite {
  readonly id: number;
  readonly key: string;
  readonly side: Side;
  readonly router: SimulatedRouter;
  readonly begun: Lease;
  committedAt: number | undefined;
  token: WriteToken | undefined;
}

const NAMES: Readonly<Record<Side, string>> = { home: "ap-northeast-1", standby: "ap-northeast-3" };

export class TwoRegions {
  now = 1_000_000;
  linked = true;
  /** By how much the operator's clock is wrong. */
  operatorSkew = 0;
  /** Which regions the operator can reach, where they are alive. */
  reach: ReadonlySet<Side> = new Set(SIDES);
  readonly acknowledged: SimulatedWrite[] = [];
  inFlight: SimulatedWrite[] = [];
  readonly regions: Record<Side, SimulatedRegion>;
  readonly #random: () => number;
  #sync: Sync | undefined;
  #writes = 0;
  #replications = 0;
  readonly #minimumOutage: number;

  /**
   * @param confirmsByPeer Whether routers read the role of the other region. Else they look at their own replication, and
   * regions that die do not come back before it is too old.
   */
  constructor(random: () => number, confirmsByPeer: boolean) {
    this.#random = random;
    this.#minimumOutage = confirmsByPeer ? 0 : MAX_SOURCE_LAG + LEASE;
    const region = (side: Side, role: "primary" | "standby"): SimulatedRegion => {
      const peer = NAMES[otherSide(side)];
      const document: RegionRole = {
        role,
        epoch: role === "primary" ? nextEpoch(0, NAMES[side], peer) : 0,
        region: NAMES[side],
        peer: { region: peer, ...(confirmsByPeer && { parameter_name: "region" }) },
        alone: true,
        takeovers: [],
        changed_at: new Date(this.now).toISOString(),
      };
      return {
        alive: true,
        diedAt: 0,
        roles: [{ at: this.now, role: document }],
        files: new Map(),
        protection: role === "primary" ? "writable" : "replica",
        fenced: false,
        half: undefined,
        deletedAt: 0,
        waitsForOther: false,
        routers: [this.#newRouter(), this.#newRouter()],
      };
    };
    this.regions = { home: region("home", "primary"), standby: region("standby", "standby") };
    const half = this.#newHalf("home");
    for (const side of SIDES) this.regions[side].half = half;
  }

  /** For the failover program. */
  readonly world: World = {
    look: async (side) => this.#look(side),
    act: async (action) => this.#act(action),
  };

  readonly clock: Clock = {
    now: () => this.now + this.operatorSkew,
    elapsed: () => this.now,
    sleep: async (milliseconds) => this.advance(milliseconds),
  };

  roleOf(side: Side): RegionRole {
    const latest = this.regions[side].roles.at(-1);
    if (latest === undefined) throw new Error("A region has a role from the start");
    return latest.role;
  }

  /** Lets time pass: routers poll, and the replication goes on. */
  advance(milliseconds: number): void {
    const end = this.now + milliseconds;
    while (this.now < end) {
      this.now = Math.min(end, this.now + 500);
      for (const side of SIDES) {
        for (const router of this.regions[side].routers) if (router.nextPoll <= this.now) this.#poll(side, router);
      }
      this.#replicate();
    }
  }

  die(side: Side): void {
    const region = this.regions[side];
    if (!region.alive) return;
    region.diedAt = this.now;
    region.alive = false;
    region.routers = [];
    this.inFlight = this.inFlight.filter((write) => write.side !== side);
  }

  revive(side: Side): void {
    const region = this.regions[side];
    if (region.alive || this.now - region.diedAt < this.#minimumOutage) return;
    region.alive = true;
    region.routers = [this.#newRouter(), this.#newRouter()];
  }

  restartRouter(side: Side): void {
    const region = this.regions[side];
    const [oldest, ...others] = region.routers;
    if (!region.alive) return;
    region.routers = [...others, this.#newRouter()];
    this.inFlight = this.inFlight.filter(({ router }) => router !== oldest);
  }

  /** The epochs at which routers of a region could acknowledge a write now. */
  writableEpochs(side: Side): number[] {
    return this.regions[side].routers.flatMap(({ lease }) => (this.now < lease.until ? [lease.epoch] : []));
  }

  /** Begins a write, if a router lets it. */
  beginWrite(side: Side, key: string): boolean {
    const router = this.#pickRouter(side);
    if (router === undefined) return false;
    const { known, lease } = router;
    if ("refusal" in verdictOn(known, LEASE, this.now)) return false;
    this.#writes += 1;
    this.inFlight.push({
      ...{ id: this.#writes, key, side, router, begun: lease },
      ...{ committedAt: undefined, token: undefined },
    });
    return true;
  }

  /** Lets a write in flight reach the file system, or its client. */
  continueWrite(): void {
    const write = this.inFlight[Math.floor(this.#random() * this.inFlight.length)];
    if (write === undefined) return;
    const { files, protection, fenced } = this.regions[write.side];
    const { router } = write;
    const end = () => {
      this.inFlight = this.inFlight.filter((each) => each !== write);
    };
    if (write.committedAt === undefined) {
      if (protection === "replica" || fenced) {
        end();
        return;
      }
      const before = files.get(write.key);
      const replaced = new Set(before === undefined ? [] : [...before.replaced, before.write]);
      files.set(write.key, { write: write.id, replaced });
      write.committedAt = this.now;
      return;
    }
    end();
    if (!mayAcknowledge(write.begun, router.lease, this.now)) return;
    const time = this.now + CLOCK_TOLERANCE * (1 + 1.8 * (this.#random() - 0.5));
    write.token = { epoch: router.lease.epoch, time };
    this.acknowledged.push(write);
  }

  /** Whether a region's file system has a write, or a later one of the same file. */
  has({ id, key }: SimulatedWrite, side: Side): boolean {
    const content = this.regions[side].files.get(key);
    return content?.write === id || content?.replaced.has(id) === true;
  }

  /** What a router says to a read that is to see a write; undefined where no router answers. */
  read({ token }: SimulatedWrite, side: Side): ReadVerdict | undefined {
    const router = this.#pickRouter(side);
    if (router === undefined || token === undefined) return undefined;
    return verdictOnRead(token, router.known.role, router.replicatedUntil);
  }

  #pickRouter(side: Side): SimulatedRouter | undefined {
    const { routers } = this.regions[side];
    return routers[Math.floor(this.#random() * routers.length)];
  }

  #newRouter(): SimulatedRouter {
    return { known: NOTHING_KNOWN, lease: NO_LEASE, replicatedUntil: undefined, nextPoll: 0 };
  }

  #newHalf(source: Side): Half {
    this.#replications += 1;
    return {
      ...{ id: this.#replications, source, destination: otherSide(source) },
      ...{ status: "enabling", replicatedUntil: undefined },
    };
  }

  #poll(side: Side, router: SimulatedRouter): void {
    router.nextPoll = this.now + LEASE / 4;
    const begunAt = this.now - this.#random() * 400;
    // One of ten reads fails, as they do.
    if (this.#random() > 0.1) router.known = noteRole(router.known, this.#readRole(side), begunAt);
    const { role } = router.known;
    const { half } = this.regions[side];
    if (role !== undefined && this.#random() > 0.1) {
      if (role.role === "standby") {
        if (half?.destination === side) router.replicatedUntil = half.replicatedUntil ?? router.replicatedUntil;
      } else if (role.peer.parameter_name === undefined) {
        const isSource = half?.source === side && half.status !== "deleting";
        const lag = half?.replicatedUntil === undefined ? undefined : this.now - half.replicatedUntil;
        router.known = noteSource(router.known, { isSource, lag }, begunAt);
      } else if (this.linked && this.regions[otherSide(side)].alive) {
        router.known = notePeer(router.known, this.#readRole(otherSide(side)), begunAt);
      }
    }
    router.lease = renewed(router.lease, router.known, verdictOn(router.known, LEASE, this.now));
  }

  /** Perhaps as it was a moment ago. */
  #readRole(side: Side): RegionRole {
    const asOf = this.now - this.#random() * MAX_STALENESS;
    const { roles } = this.regions[side];
    return (roles.findLast(({ at }) => at <= asOf) ?? roles[0])?.role ?? this.roleOf(side);
  }

  #replicate(): void {
    for (const side of SIDES) {
      const region = this.regions[side];
      if (!region.alive || region.half?.status !== "deleting") continue;
      this.#tellOther(side);
      if (region.waitsForOther || this.now < region.deletedAt) continue;
      if (region.half.destination === side) region.protection = "writable";
      region.half = undefined;
    }
    for (const side of SIDES) this.#recover(side);
    const { home, standby } = this.regions;
    const isWhole = home.half !== undefined && home.half === standby.half && home.half.status.startsWith("enabl");
    if (!isWhole || home.half !== this.#sync?.of) this.#sync = undefined;
    if (!isWhole || !this.linked || !home.alive || !standby.alive) return;
    const half = home.half as Half;
    const source = this.regions[half.source];
    const destination = this.regions[half.destination];
    if (this.#sync === undefined) {
      const endsAt = this.now + this.#random() * (this.#random() < 0.2 ? MAX_SYNC : SYNC);
      this.#sync = { of: half, from: this.now, snapshot: new Map(source.files), endsAt };
    } else if (this.now >= this.#sync.endsAt) {
      destination.files = new Map(this.#sync.snapshot);
      half.replicatedUntil = this.#sync.from;
      half.status = "enabled";
      this.#sync = undefined;
    } else {
      // Not of one moment: some files arrive before others.
      for (const [key, content] of this.#sync.snapshot) if (this.#random() < 0.1) destination.files.set(key, content);
    }
  }

  /** A replication that could not be ended goes on once its regions see each other. */
  #recover(side: Side): void {
    const region = this.regions[side];
    const other = this.regions[otherSide(side)];
    if (region.half?.status !== "error" || !region.alive || !other.alive || !this.linked) return;
    if (other.half?.id === region.half.id && other.half.status.startsWith("enabl")) region.half = other.half;
  }

  #isReachable(side: Side): boolean {
    return this.regions[side].alive && this.reach.has(side);
  }

  #look(side: Side): Glimpse {
    const { roles, protection, fenced, half } = this.regions[side];
    const latest = roles.at(-1);
    const base = { name: NAMES[side], routersAnswer: this.#isReachable(side) };
    if (!this.#isReachable(side) || latest === undefined) return { ...base, reachable: false, ...NOTHING_SEEN };
    const replication = half && { ...half };
    return {
      ...base,
      reachable: true,
      role: latest.role,
      roleModifiedAt: latest.at,
      // The parts of AWS that tell the time of an answer and of a change need not agree.
      roleAge: Math.max(0, this.now - latest.at + 2 * (this.#random() - 0.5) * CLOCK_TOLERANCE),
      fileSystem: protection,
      fenced,
      replication,
    };
  }

  #act(action: Action): void {
    const side = action.kind === "create-replication" ? action.from : action.side;
    const region = this.regions[side];
    if (!this.#isReachable(side)) throw new Error(`${side} cannot be reached`);
    switch (action.kind) {
      case "write-role":
        region.roles.push({ at: this.now, role: action.role });
        return;
      case "fence":
        region.fenced = true;
        return;
      case "unfence":
        region.fenced = false;
        return;
      case "allow-overwrite":
        if (region.protection === "writable") region.protection = "overwritable";
        return;
      case "protect":
        if (region.protection === "overwritable") region.protection = "writable";
        return;
      case "delete-replication":
        this.#deleteReplication(side, action.where);
        return;
      case "create-replication":
        this.#createReplication(side);
    }
  }

  /** A deletion in both regions waits for the other one, is refused, or becomes an error: nobody knows which. */
  #deleteReplication(side: Side, where: "everywhere" | "here"): void {
    const region = this.regions[side];
    if (region.half === undefined) return;
    const other = this.regions[otherSide(side)];
    const isPossible = other.alive && this.linked && other.half?.id === region.half.id;
    if (where === "everywhere" && !isPossible) {
      const dice = this.#random();
      if (dice < 0.25) throw new NotNowError(NAMES[side], "BadRequest");
      if (dice < 0.5) region.half = { ...region.half, status: "error" };
      // Taken for gone.
      if (dice < 0.75) return;
    }
    region.half = { ...region.half, status: "deleting" };
    region.waitsForOther = where === "everywhere";
    region.deletedAt = this.now + this.#random() * DELETION;
  }

  #tellOther(side: Side): void {
    const region = this.regions[side];
    const other = this.regions[otherSide(side)];
    if (region.half?.status !== "deleting" || !region.waitsForOther || !other.alive || !this.linked) return;
    region.waitsForOther = false;
    if (other.half?.id === region.half.id) this.#deleteReplication(otherSide(side), "here");
  }

  #createReplication(from: Side): void {
    const source = this.regions[from];
    const destination = this.regions[otherSide(from)];
    if (!destination.alive || !this.linked) throw new Error("The other region cannot be reached");
    if (source.half !== undefined || destination.half !== undefined) throw new Error("There is a replication already");
    if (destination.protection !== "overwritable") throw new Error("The destination is protected");
    const half = this.#newHalf(from);
    source.half = half;
    destination.half = half;
    destination.protection = "replica";
  }
}
