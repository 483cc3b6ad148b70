import { defineConfig } from "vitest/config";
import { seed } from "./tests/reliability/seed.ts";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    env: { RELIABILITY_SEED: seed },
    reporters: ["default", "./tests/reliability/reporter.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores are what CI has; suites that start servers would starve each other beyond that.
    maxWorkers: 2,
  },
});
