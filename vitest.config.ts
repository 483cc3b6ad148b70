import { defineConfig } from "vitest/config";
import { seed } from "./tests/reliability/seed.ts";
import { connectionSettings } from "./tests/support/connections.ts";

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/images/**"],
    env: { RELIABILITY_SEED: seed, ...connectionSettings },
    setupFiles: ["./tests/support/patience.ts"],
    // What failed is printed last, where people look first.
    reporters: ["./tests/reliability/reporter.ts", "default"],
    // A limit is there for what hangs. A machine that is slow, or has other work, should not reach it.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // Two cores are what CI has; suites that start servers would starve each other beyond that.
    maxWorkers: 2,
  },
});
