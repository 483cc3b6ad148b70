/** Ends a run with one table of what the reliability suites counted, and how to repeat it. */
import Table from "cli-table3";
import type { Reporter, TestModule } from "vitest/node";
import type {} from "../support/reliability.ts";

export default class ReliabilityReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const suites = modules.flatMap((module) => module.meta().reliability ?? []);
    if (suites.length === 0) return;
    const table = new Table({ head: ["suite", "what", "count"], style: { head: [], border: [] } });
    for (const { name, counts } of suites) {
      const values = Object.values(counts).map((count) => count.toLocaleString("en-US"));
      table.push([name, Object.keys(counts).join("\n"), { content: values.join("\n"), hAlign: "right" }]);
    }
    console.log(`\n${table.toString()}`);
    console.log(`To repeat these random choices: RELIABILITY_SEED=${process.env.RELIABILITY_SEED}\n`);
  }
}
