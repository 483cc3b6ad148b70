/** Work that takes no signal: nobody waits for it any more, and it ends by itself. */

/** What the work results in; or the reason of the signal, where that aborts before. */
export function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The same items, until the signal aborts: it fails with the reason then. */
export async function* eachUntilAborted<Item>(items: AsyncIterable<Item>, signal: AbortSignal): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]();
  let isOver = false;
  try {
    for (;;) {
      const { done, value } = await untilAborted(iterator.next(), signal);
      isOver = done === true;
      if (done) return;
      yield value;
    }
  } finally {
    const ending = isOver ? undefined : iterator.return?.();
    if (signal.aborted) ending?.catch(() => {});
    else await ending;
  }
}
