import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MEMORY_RESERVATION } from "../../local/firelens/log-router.ts";
import { describeRequiring } from "../support/requirements.ts";
import { FULL_LENGTH, fluentBit, startLogRouting } from "./support/log-routing.ts";
import { compareNumbers, numbersOf, writeLines } from "./support/traffic.ts";

const LINE_LENGTH = 500;
const SECONDS = FULL_LENGTH ? 60 : 5;

describeRequiring([fluentBit], "under load", ([command]) => {
  test.for(["small", "large"] as const)(
    `5,000 lines of ${LINE_LENGTH} bytes a second for ${SECONDS} s are all stored in %s objects, in the memory that is reserved`,
    async (objectSize, context) => {
      const routing = await startLogRouting(command, context, { objectSize });
      const driver = await routing.openDriver();
      const samples: number[] = [];
      const sampling = setInterval(() => samples.push(residentMegabytes(routing.router.pid)), 250);
      const started = performance.now();
      const count = await writeLines(driver, {
        linesPerSecond: 5_000,
        duration: SECONDS * 1000,
        errorEvery: 100,
        lineLength: LINE_LENGTH,
      });
      await driver.close(30_000);
      const seconds = (performance.now() - started) / 1000;
      clearInterval(sampling);
      const cpu = cpuSeconds(routing.router.pid);
      await routing.stop();

      const expected = numbersOf(count, 100);
      const objects = await routing.objects();
      const stored = objects.flatMap(({ records }) => records).map(({ seq }) => seq);
      const errors = (await routing.errors()).map(({ seq }) => seq);
      const steady = samples.slice(Math.floor(samples.length / 4)).sort((a, b) => a - b);
      const median = steady[Math.floor(steady.length / 2)] ?? Number.NaN;
      const most = steady.at(-1) ?? Number.NaN;
      const bytes = objects.reduce((sum, { size }) => sum + size, 0);
      const largest = Math.max(...objects.map(({ records }) => records.length)) * LINE_LENGTH;
      console.log(
        `${objectSize}: ${count} lines in ${seconds.toFixed(1)} s (${Math.round(count / seconds)}/s): ` +
          `S3 ${JSON.stringify(compareNumbers(stored, expected.all))}, ${(bytes / 1e6).toFixed(1)} MB of gzip in ` +
          `${objects.length} objects of at most ${(largest / 1e6).toFixed(1)} MB of lines; ` +
          `CloudWatch Logs ${JSON.stringify(compareNumbers(errors, expected.errors))}; ` +
          `resident memory: median ${median.toFixed(1)} MB, most ${most.toFixed(1)} MB; ` +
          `CPU ${((100 * cpu) / seconds).toFixed(0)} % of a core`,
      );
      expect(compareNumbers(stored, expected.all)).toEqual({ missing: 0, repeated: 0 });
      expect(compareNumbers(errors, expected.errors)).toEqual({ missing: 0, repeated: 0 });
      // A reservation is no limit: what uploads of small objects take for a moment may be over it.
      expect(objectSize === "small" ? median : most).toBeLessThan(MEMORY_RESERVATION[objectSize]);
      if (FULL_LENGTH) expect(largest > 90e6).toBe(objectSize === "large");
    },
  );
});

function residentMegabytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1000;
}

/** User and system time of a process; Linux counts them in 1/100 s. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
