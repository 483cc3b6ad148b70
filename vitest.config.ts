import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores are what CI has; suites that start servers would starve each other beyond that.
    maxWorkers: 2,
  },
});
