/** How often a second something is done that is done `count` times. */
export async function perSecond(count: number, act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return count / ((performance.now() - start) / 1_000);
}
