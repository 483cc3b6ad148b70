/** Before each suite: a limit is there for what hangs. That of `vi.waitFor` is a second, and no configuration changes it. */
import { vi } from "vitest";

const { waitFor } = vi;

vi.waitFor = (callback, options) =>
  waitFor(callback, { timeout: 60_000, ...(typeof options === "number" ? { timeout: options } : options) });
