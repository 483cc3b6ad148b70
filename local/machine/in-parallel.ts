/** Takes the items one by one, so many at the same time. When one fails, it ends with those that are in flight. */
export async function inParallel<T>(
  signal: AbortSignal,
  concurrency: number,
  items: Iterable<T>,
  handle: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const worker = async () => {
    try {
      for (let next = iterator.next(); !next.done && errors.length === 0; next = iterator.next()) {
        signal.throwIfAborted();
        await handle(next.value);
      }
    } catch (error) {
      errors.push(error);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (errors.length > 0) throw errors[0];
}
