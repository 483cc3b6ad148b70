/** A file descriptor that several opens and operations in flight share. */
import { closeSync } from "node:fs";

export class OpenFile {
  readonly descriptor: number;
  /** Else it is open only for reading. */
  readonly writable: boolean;
  readonly #onClose: () => void;
  #users = 1;

  /** Starts with one user: the caller. */
  constructor(descriptor: number, writable: boolean, onClose: () => void) {
    this.descriptor = descriptor;
    this.writable = writable;
    this.#onClose = onClose;
  }

  retain(): this {
    this.#users++;
    return this;
  }

  /** The last user to release it closes it, so no operation ever meets a descriptor that was given to another file. */
  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#onClose();
    closeSync(this.descriptor);
  }
}
