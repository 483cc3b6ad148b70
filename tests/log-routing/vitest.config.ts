/** The suites at their full length, one file at a time: `npm run test:logs`. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["tests/log-routing/**/*.test.ts"],
    env: { LOG_ROUTING_FULL_LENGTH: "1" },
    testTimeout: 300_000,
    fileParallelism: false,
    maxConcurrency: 2,
  },
});
