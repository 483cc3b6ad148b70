/** The last changes of the mount targets' states, as one router saw them. */
import { type Change, MAX_CHANGES } from "./document.ts";

export class Changes {
  readonly #changes: Change[] = [];
  readonly #states = new Map<string, string>();
  #onChange = () => {};

  /** A target that is probed again and again while it is away has not changed. */
  note(target: string, state: string, reason?: string): void {
    if (state === "probing" || this.#states.get(target) === state) return;
    if (state === "removed") this.#states.delete(target);
    else this.#states.set(target, state);
    this.#changes.push({ time: Date.now(), target, state, ...(reason && { reason }) });
    if (this.#changes.length > MAX_CHANGES) this.#changes.shift();
    this.#onChange();
  }

  /** Calls the listener after each change, from now on. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Oldest first. */
  get latest(): readonly Change[] {
    return this.#changes;
  }
}
