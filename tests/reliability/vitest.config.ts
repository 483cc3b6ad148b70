/** The reliability suites at their full length, one file at a time: `npm run test:reliability`. */
import { defineConfig } from "vitest/config";
import { connectionSettings } from "../support/connections.ts";
import { seed } from "./seed.ts";

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["tests/reliability/**/*.test.ts"],
    env: { RELIABILITY: "full", RELIABILITY_SEED: seed, ...connectionSettings },
    setupFiles: ["./tests/support/patience.ts"],
    reporters: ["verbose", "./tests/reliability/reporter.ts"],
    testTimeout: 300_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
  },
});
