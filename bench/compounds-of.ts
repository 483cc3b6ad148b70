import type { RouterProcess } from "../tests/support/router-bundle.ts";

/** The COMPOUNDs that a router sends to its mount targets while it does something. */
export async function compoundsOf(router: RouterProcess, act: () => Promise<unknown>): Promise<number> {
  const compounds = async () => (await router.targets()).reduce((sum, target) => sum + target.compounds, 0);
  const before = await compounds();
  await act();
  return (await compounds()) - before;
}
