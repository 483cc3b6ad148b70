import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeRequiring } from "../support/requirements.ts";
import { FULL_LENGTH, fluentBit, startLogRouting } from "./support/log-routing.ts";
import { compareNumbers, numbersOf, writeLines } from "./support/traffic.ts";

const SECONDS = FULL_LENGTH ? 60 : 5;
const MEMORY_LIMIT_MB = 50;

describeRequiring([fluentBit], "under load", ([command]) => {
  test(`5,000 lines of 500 bytes a second for ${SECONDS} s are all stored, in less than 50 MB`, async (context) => {
    const routing = await startLogRouting(command, context);
    const driver = await routing.openDriver();
    const samples: number[] = [];
    const sampling = setInterval(() => samples.push(residentMegabytes(routing.router.pid)), 250);
    const started = performance.now();
    const count = await writeLines(driver, { linesPerSecond: 5_000, duration: SECONDS * 1000, errorEvery: 100 });
    await driver.close(30_000);
    const seconds = (performance.now() - started) / 1000;
    clearInterval(sampling);
    const cpu = cpuSeconds(routing.router.pid);
    await routing.stop();

    const expected = numbersOf(count, 100);
    const stored = (await routing.stored()).map(({ seq }) => seq);
    const errors = (await routing.errors()).map(({ seq }) => seq);
    const steady = samples.slice(Math.floor(samples.length / 4)).sort((a, b) => a - b);
    const median = steady[Math.floor(steady.length / 2)] ?? Number.NaN;
    const bytes = (await routing.objects()).reduce((sum, { size }) => sum + size, 0);
    console.log(
      `${count} lines in ${seconds.toFixed(1)} s (${Math.round(count / seconds)}/s): ` +
        `S3 ${JSON.stringify(compareNumbers(stored, expected.all))}, ${(bytes / 1e6).toFixed(1)} MB of gzip; ` +
        `CloudWatch Logs ${JSON.stringify(compareNumbers(errors, expected.errors))}; ` +
        `resident memory: median ${median.toFixed(1)} MB, most ${steady.at(-1)?.toFixed(1)} MB; ` +
        `CPU ${((100 * cpu) / seconds).toFixed(0)} % of a core`,
    );
    expect(compareNumbers(stored, expected.all)).toEqual({ missing: 0, repeated: 0 });
    expect(compareNumbers(errors, expected.errors)).toEqual({ missing: 0, repeated: 0 });
    expect(median).toBeLessThan(MEMORY_LIMIT_MB);
  });
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
