/** The rate, per second, of the `count` operations that `act` does. */
export async function perSecond(count: number, act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return count / ((performance.now() - start) / 1_000);
}
