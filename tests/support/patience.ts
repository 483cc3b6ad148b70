/** Before each suite: a limit is there for what hangs. Those of `vi.waitFor` and `vi.waitUntil` are a second, and no configuration changes them. */
import { vi } from "vitest";

const LIMIT = 60_000;

const { waitFor, waitUntil } = vi;

vi.waitFor = (callback, options) => waitFor(callback, { timeout: LIMIT, ...optionsOf(options) });
vi.waitUntil = (callback, options) => waitUntil(callback, { timeout: LIMIT, ...optionsOf(options) });

function optionsOf<Options extends object>(options: number | Options | undefined) {
  return typeof options === "number" ? { timeout: options } : options;
}
