/** A server that stands still for a while: what it was asked waits, and is done when it goes on. */
export class Stall {
  #over: Promise<void> | undefined;
  #end: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  /** Stands still until so many milliseconds from now, whatever was said before; 0 goes on at once. */
  begin(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (milliseconds <= 0) {
      this.#end();
      return;
    }
    this.#over ??= new Promise((resolve) => {
      this.#end = () => {
        this.#over = undefined;
        resolve();
      };
    });
    this.#timer = setTimeout(() => this.#end(), milliseconds).unref();
  }

  /** Resolves when it goes on; nothing while it does not stand still. */
  get over(): Promise<void> | undefined {
    return this.#over;
  }
}
