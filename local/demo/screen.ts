/** What a demo shows: lines, and one progress bar at a time. */
import { SingleBar } from "cli-progress";

export class Screen {
  #waiting: string[] | undefined;

  /** Shows a line; while there is a progress bar, once it is done. */
  readonly say = (line: string): void => {
    if (this.#waiting === undefined) console.log(line);
    else this.#waiting.push(line);
  };

  /** Shows how far `run` is; it calls `onStep` for each of `total` steps. */
  async progress(
    what: string,
    total: number,
    run: (onStep: () => void) => Promise<void>,
    unit = "files",
  ): Promise<void> {
    const bar = new SingleBar({
      format: `${what} {bar} {value}/{total} ${unit}`,
      stream: process.stdout,
      noTTYOutput: true,
      notTTYSchedule: 5_000,
      gracefulExit: false,
    });
    this.#waiting = [];
    bar.start(total, 0);
    try {
      await run(() => bar.increment());
    } finally {
      bar.stop();
      const lines = this.#waiting;
      this.#waiting = undefined;
      for (const line of lines) this.say(line);
    }
  }
}
