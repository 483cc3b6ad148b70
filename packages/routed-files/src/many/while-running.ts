import { setTimeout as sleep } from "node:timers/promises";

/** Comes back every `interval` milliseconds, until `work` has settled. Never fails, and leaves how it settled to others. */
export async function* whileRunning(work: Promise<unknown>, interval: number): AsyncGenerator<void> {
  let isOver = false;
  const note = () => {
    isOver = true;
  };
  const over = work.then(note, note);
  while (!isOver) {
    const pause = new AbortController();
    await Promise.race([over, sleep(interval, undefined, { signal: pause.signal }).catch(() => {})]);
    pause.abort();
    if (!isOver) yield;
  }
}
