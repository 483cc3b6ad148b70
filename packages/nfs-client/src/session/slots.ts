/** The slots of a session: each carries one request at a time, in sequence (RFC 8881 §2.10.6.1). */
import type { Deadline } from "../deadline.ts";
import { ConnectionError } from "../errors.ts";

export interface Slot {
  readonly id: number;
  /** Of the next request, or of the one that is under way. */
  sequenceId: number;
}

type Waiter = (slot: Slot | undefined) => void;

export class SlotTable {
  readonly size: number;
  readonly #free: Slot[];
  readonly #waiters = new Set<Waiter>();
  #unsettled: Slot[] = [];
  /** The highest slot the server wants used; it may lower and raise this at any time. */
  #target: number;
  #retired = 0;

  constructor(size: number) {
    this.size = size;
    this.#target = size - 1;
    // taken from the end, so that low slots are used first
    this.#free = Array.from({ length: size }, (_, index) => ({ id: size - 1 - index, sequenceId: 1 }));
  }

  /** All slots were retired: nothing can be sent in this session any more. */
  get exhausted(): boolean {
    return this.#retired >= this.size;
  }

  /** A slot of a table that nobody else uses yet. */
  takeFirst(): Slot {
    const slot = this.#takeFree();
    if (slot === undefined) throw new ConnectionError("The session has no free slot");
    return slot;
  }

  /** Waits for a free slot, first come first served. */
  async acquire(deadline: Deadline): Promise<Slot> {
    const slot = this.#takeFree();
    if (slot !== undefined) return slot;
    let waiter: Waiter | undefined;
    const granted = new Promise<Slot | undefined>((resolve) => {
      waiter = resolve;
      this.#waiters.add(resolve);
    });
    let taken: Slot | undefined;
    try {
      taken = await deadline.race(granted);
    } catch (error) {
      // a slot that was granted in the same moment must not be lost
      if (waiter !== undefined && !this.#waiters.delete(waiter)) granted.then((late) => late && this.#put(late));
      throw error;
    }
    if (taken === undefined) throw new ConnectionError("The session ended");
    return taken;
  }

  /** The request was answered: the slot is ready for the next one. */
  release(slot: Slot): void {
    slot.sequenceId = (slot.sequenceId + 1) >>> 0;
    this.#put(slot);
  }

  /** The request was refused before the slot took note of it: its sequence id is still to be used. */
  giveBack(slot: Slot): void {
    this.#put(slot);
  }

  /** The connection was lost, and nobody waits for the request any more: whether it was executed is not known. */
  leaveUnsettled(slot: Slot): void {
    this.#unsettled.push(slot);
  }

  /** Takes the slots that {@link leaveUnsettled} left. */
  takeUnsettled(): Slot[] {
    const slots = this.#unsettled;
    this.#unsettled = [];
    return slots;
  }

  /** The server and we no longer agree on the slot's sequence id: it is not used again. */
  retire(): void {
    this.#retired += 1;
    if (this.exhausted) this.end();
  }

  /** The session is over: whoever waits for a slot of it has to look for another. */
  end(): void {
    for (const waiter of this.#waiters) waiter(undefined);
    this.#waiters.clear();
  }

  /** The server's wish for the highest slot in use. */
  setTarget(highestSlotId: number): void {
    if (highestSlotId === this.#target) return;
    this.#target = Math.min(highestSlotId, this.size - 1);
    for (const waiter of this.#waiters) {
      const slot = this.#takeFree();
      if (slot === undefined) return;
      this.#waiters.delete(waiter);
      waiter(slot);
    }
  }

  #takeFree(): Slot | undefined {
    const last = this.#free.at(-1);
    if (last !== undefined && last.id <= this.#target) return this.#free.pop();
    const index = this.#free.findLastIndex(({ id }) => id <= this.#target);
    return index < 0 ? undefined : this.#free.splice(index, 1)[0];
  }

  #put(slot: Slot): void {
    const [waiter] = slot.id <= this.#target ? this.#waiters : [];
    if (waiter === undefined) {
      this.#free.push(slot);
      return;
    }
    this.#waiters.delete(waiter);
    waiter(slot);
  }
}
