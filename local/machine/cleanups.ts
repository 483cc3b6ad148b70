/** What has to be undone, whatever happens in between: last in, first out. */
export class Cleanups {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #running: Promise<void> | undefined;

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  /**
   * Undoes everything, once however often it is called. A step that fails does not keep the others from running.
   *
   * @throws {AggregateError} with the errors of all steps that failed.
   */
  run(): Promise<void> {
    this.#running ??= this.#runSteps();
    return this.#running;
  }

  async #runSteps(): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      await step().catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw new AggregateError(errors, `Cleaning up failed: ${errors.join("; ")}`);
  }
}
