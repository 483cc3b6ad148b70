/**
 * The source's side of a replication: finds out what changed, and carries it to the destination, as Amazon EFS promises
 * it and no better (EFS user guide, "Replicating file systems"): whatever was written before a sync began is at the
 * destination when it has finished. What is written meanwhile may be there or not, in any order.
 *
 * A sync copies first, and removes last what two scans did not find: what is renamed from a directory that is still to
 * be scanned into one that was, would else be lost at the destination. An interrupted sync leaves nothing worse than it
 * found: the next one begins with what it knows to have arrived.
 */
import { constants } from "node:fs";
import { open, readlink } from "node:fs/promises";
import { inParallel } from "../machine/in-parallel.ts";
import { type Change, type Destination, digestOf, type Held } from "./replica.ts";
import { absolute, type Entry, entryAt, entryOf, ifThere, type Kind, scan, type Tree } from "./tree.ts";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

const FILES_AT_ONCE = 8;
const CHANGES_AT_ONCE = 200;
/** Of one sync, where scans miss what is there. */
const MAX_ATTEMPTS = 5;
/** Nanoseconds: kernels take the time of a change from a clock that ticks every few milliseconds. */
const CLOCK_TICK = 50_000_000n;
/** Nanoseconds that a time can differ by from what was set: Node.js takes it as a double, and cuts it to microseconds. */
const TIME_STEP = 1_500;

/** What the destination has at a path, and which state of the source's entry that is, where it is known. */
interface Carried {
  readonly kind: Kind;
  readonly version?: string;
}

export class Carrier {
  readonly #root: string;
  readonly #destination: Destination;
  #carried: Map<string, Carried> | undefined;

  constructor(root: string, destination: Destination) {
    this.#root = root;
    this.#destination = destination;
  }

  /** @returns when it began. @throws when the destination fails or the signal aborts; the next sync goes on from there. */
  async sync(signal: AbortSignal): Promise<Date> {
    await this.#destination.begin();
    this.#carried ??= await this.#compare(signal);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const startedAt = new Date();
      const pass = new Pass(this.#root, this.#destination, this.#carried, signal);
      if (await pass.run()) return startedAt;
    }
    throw new Error(`${this.#root} changes faster than it can be read`);
  }

  /** What of the destination is as the source has it: at first, and after a failover, that can be most of it. */
  async #compare(signal: AbortSignal): Promise<Map<string, Carried>> {
    const carried = new Map<string, Carried>();
    await inParallel(signal, FILES_AT_ONCE, await this.#destination.list(), async (held) => {
      const entry = await entryAt(this.#root, held.path);
      const version = entry !== undefined && (await this.#isSame(entry, held)) ? versionOf(entry) : undefined;
      carried.set(held.path, { kind: held.kind, ...(version === undefined ? {} : { version }) });
    });
    return carried;
  }

  async #isSame(entry: Entry, held: Held): Promise<boolean> {
    if (entry.kind !== held.kind || entry.mode !== held.mode) return false;
    if (entry.kind !== "symbolic-link" && !isSameTime(entry.modifiedAt, held.modifiedAt)) return false;
    // Which names belong to one file, the destination does not say.
    if (entry.kind === "file" && entry.links > 1) return false;
    return (await digestOf(this.#root, entry.path, entry.kind)) === held.digest;
  }
}

/** From a scan of the source to a destination that is as it was then, or newer. */
class Pass {
  readonly #root: string;
  readonly #destination: Destination;
  readonly #carried: Map<string, Carried>;
  readonly #signal: AbortSignal;
  /** Directories whose entries this sync changed at the destination, and with them their times. */
  readonly #touched = new Set<string>();
  /** Files that this sync sent: their other names have to follow. */
  readonly #sent = new Set<string>();

  constructor(root: string, destination: Destination, carried: Map<string, Carried>, signal: AbortSignal) {
    this.#root = root;
    this.#destination = destination;
    this.#carried = carried;
    this.#signal = signal;
  }

  /** @returns whether nothing was missed. */
  async run(): Promise<boolean> {
    let tree = await scan(this.#root);
    let complete = true;
    await this.#bring(tree);
    if (this.#obsolete(tree).length > 0) {
      tree = await scan(this.#root);
      await this.#bring(tree);
      complete = await this.#remove(this.#obsolete(tree));
      await this.#bring(tree);
    }
    await this.#setAttributesOfDirectories(tree);
    return complete;
  }

  /** Makes and replaces whatever differs, but for what something of another kind stands in the way of. */
  async #bring(tree: Tree): Promise<void> {
    const blocked = new Set<string>();
    const files: Entry[] = [];
    const others: Entry[] = [];
    const firstNames = new Map<string, string>();
    const furtherNames: { readonly entry: Entry; readonly first: string }[] = [];
    for (const entry of tree.values()) {
      if (blocked.has(parentOf(entry.path)) || this.#isInTheWay(entry)) {
        blocked.add(entry.path);
        continue;
      }
      if (entry.kind !== "file") {
        if (!this.#isCarried(entry)) others.push(entry);
        continue;
      }
      const first = firstNames.get(entry.inode);
      if (entry.links > 1 && first !== undefined) {
        furtherNames.push({ entry, first });
        continue;
      }
      firstNames.set(entry.inode, entry.path);
      if (!this.#isCarried(entry)) files.push(entry);
    }
    await this.#bringOthers(others);
    await inParallel(this.#signal, FILES_AT_ONCE, files, (entry) => this.#send(entry));
    await this.#bringFurtherNames(furtherNames);
  }

  /** What the destination has and the source has not, or as something of another kind; only the uppermost. */
  #obsolete(tree: Tree): string[] {
    const paths = [...this.#carried].filter(([path, { kind }]) => needsRemoval(kind, tree.get(path)?.kind));
    const all = new Set(paths.map(([path]) => path));
    return [...all].filter((path) => !ancestorsOf(path).some((ancestor) => all.has(ancestor)));
  }

  /**
   * Removes those that are not there now either, and brings the others: a scan can miss some.
   *
   * @returns whether that was enough: what is in a directory that was missed is not known.
   */
  async #remove(paths: readonly string[]): Promise<boolean> {
    const removed: string[] = [];
    const missed = new Map<string, Entry>();
    for (const path of paths) {
      const now = await entryAt(this.#root, path);
      const held = this.#carried.get(path);
      if (now !== undefined && held !== undefined && !needsRemoval(held.kind, now.kind)) missed.set(path, now);
      else removed.push(path);
    }
    await this.#bring(missed);
    await this.#apply(
      removed.map((path) => ({ what: "remove", path })),
      (path) => {
        for (const each of [...this.#carried.keys()]) {
          if (each === path || each.startsWith(`${path}/`)) this.#carried.delete(each);
        }
      },
    );
    return [...missed.values()].every(({ kind }) => kind !== "directory");
  }

  /** Last of all: each change in a directory sets its time. */
  async #setAttributesOfDirectories(tree: Tree): Promise<void> {
    const directories = [...tree.values()].filter(
      (entry) =>
        entry.kind === "directory" &&
        this.#carried.get(entry.path)?.kind === "directory" &&
        (this.#touched.has(entry.path) || !this.#isCarried(entry)),
    );
    const changes = directories.map(({ path, mode, modifiedAt }) => ({
      what: "attributes" as const,
      path,
      mode,
      modifiedAt,
    }));
    await this.#apply(changes, (path) => {
      const entry = tree.get(path);
      if (entry !== undefined) this.#carry(entry);
    });
  }

  async #bringOthers(entries: readonly Entry[]): Promise<void> {
    const changes: Change[] = [];
    for (const { path, kind } of entries) {
      if (kind === "directory") {
        if (this.#carried.get(path)?.kind !== "directory") changes.push({ what: "directory", path });
        continue;
      }
      const target = await ifThere(readlink(absolute(this.#root, path), { encoding: "latin1" }));
      if (target !== undefined) changes.push({ what: "symbolic-link", path, target });
    }
    const byPath = new Map(entries.map((entry) => [entry.path, entry]));
    await this.#apply(changes, (path) => {
      const entry = byPath.get(path);
      // The attributes of a directory come last.
      if (entry?.kind === "directory") this.#carried.set(path, { kind: "directory" });
      else if (entry !== undefined) this.#carry(entry);
    });
  }

  async #send({ path }: Entry): Promise<void> {
    const file = await ifThere(open(absolute(this.#root, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (file === undefined) return;
    try {
      // Of what the descriptor leads to, whatever has the name by now.
      const seenAt = Date.now();
      const entry = entryOf(path, await file.stat({ bigint: true }), seenAt);
      if (entry?.kind !== "file") return;
      this.#carried.set(path, { kind: "file" });
      this.#touch(path);
      await this.#destination.put(path, entry, file.createReadStream({ autoClose: false }));
      this.#sent.add(path);
      this.#carry(entry);
    } finally {
      await file.close();
    }
  }

  async #bringFurtherNames(names: readonly { readonly entry: Entry; readonly first: string }[]): Promise<void> {
    const missing = names.filter(
      ({ entry, first }) => this.#carried.has(first) && (this.#sent.has(first) || !this.#isCarried(entry, first)),
    );
    const byPath = new Map(missing.map((name) => [name.entry.path, name]));
    await this.#apply(
      missing.map(({ entry, first }) => ({ what: "link", path: entry.path, to: first })),
      (path) => {
        const name = byPath.get(path);
        if (name !== undefined) this.#carry(name.entry, name.first);
      },
    );
  }

  /** Until the destination confirms them, nothing is known of the paths. */
  async #apply(changes: readonly Change[], onDone: (path: string) => void): Promise<void> {
    for (let start = 0; start < changes.length; start += CHANGES_AT_ONCE) {
      this.#signal.throwIfAborted();
      const some = changes.slice(start, start + CHANGES_AT_ONCE);
      for (const { path } of some) {
        const held = this.#carried.get(path);
        if (held !== undefined) this.#carried.set(path, { kind: held.kind });
        this.#touch(path);
      }
      await this.#destination.apply(some);
      for (const { path } of some) onDone(path);
    }
  }

  #touch(path: string): void {
    this.#touched.add(parentOf(path));
  }

  #carry(entry: Entry, first?: string): void {
    const version = versionOf(entry, first);
    this.#carried.set(entry.path, { kind: entry.kind, ...(version === undefined ? {} : { version }) });
  }

  #isCarried(entry: Entry, first?: string): boolean {
    const version = this.#carried.get(entry.path)?.version;
    return version !== undefined && version === nameOfVersion(entry, first);
  }

  #isInTheWay(entry: Entry): boolean {
    const held = this.#carried.get(entry.path);
    return held !== undefined && needsRemoval(held.kind, entry.kind);
  }
}

/** Files and symbolic links can take each other's place; directories can neither replace nor be replaced. */
function needsRemoval(held: Kind, now: Kind | undefined): boolean {
  return now === undefined || (held !== now && (held === "directory" || now === "directory"));
}

function nameOfVersion({ inode, changedAt }: Entry, first = ""): string {
  return `${inode} ${changedAt} ${first}`;
}

/** None for what may change again without its time of change telling: it is carried once more. */
function versionOf(entry: Entry, first?: string): string | undefined {
  const settled = BigInt(entry.seenAt) * 1_000_000n - CLOCK_TICK;
  return entry.changedAt < settled ? nameOfVersion(entry, first) : undefined;
}

function isSameTime(one: string, other: string): boolean {
  const difference = BigInt(one) - BigInt(other);
  return difference > -TIME_STEP && difference < TIME_STEP;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function ancestorsOf(path: string): string[] {
  const ancestors: string[] = [];
  for (let parent = parentOf(path); parent !== ""; parent = parentOf(parent)) ancestors.push(parent);
  return ancestors;
}
