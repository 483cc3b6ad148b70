/** Starts something out of parts. Where the start fails, the parts that were started by then are cleaned up. */
export async function startWith<Started>(start: (cleanups: Cleanups) => Promise<Started>): Promise<Started> {
  const cleanups = new Cleanups();
  try {
    return await start(cleanups);
  } catch (error) {
    await cleanups.run();
    throw error;
  }
}

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
