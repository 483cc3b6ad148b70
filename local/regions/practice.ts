/** `npm run local -- --regions 2`: a pair of regions to practise a failover on. Whoever practises says which one is lost. */
import { once } from "node:events";
import { dirname } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import type { LogSink } from "../logs/log-line.ts";
import { flagsOf, runFailover } from "./failover.ts";
import { startTwoRegions, type TwoRegions } from "./two-regions.ts";

interface PracticeOptions {
  /** Commands, a line each. */
  readonly input: Readable;
  readonly say: (text: string) => void;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

const SYNC_INTERVAL = 5_000;
const DELETION_DELAY = 3_000;
const ROLE_LEASE_SECONDS = 10;

/** Runs until the signal is aborted, and stops everything it started. */
export async function practise({ input, say, log, signal }: PracticeOptions): Promise<void> {
  say("Starting two regions, and replicating Tokyo to Osaka");
  const regions = await startTwoRegions({
    ...{ syncInterval: SYNC_INTERVAL, deletionDelay: DELETION_DELAY, roleLeaseSeconds: ROLE_LEASE_SECONDS },
    ...{ log, signal },
  });
  try {
    await runFailover({ outputs: regions.outputs, parameters: ["failback"], say, signal });
    say(welcome(regions));
    await obey(regions, { input, say, signal });
  } finally {
    await regions.close();
  }
}

/** Carries out one command after the other, until the signal is aborted. */
async function obey(
  { home, standby }: TwoRegions,
  { input, say, signal }: Pick<PracticeOptions, "input" | "say" | "signal">,
): Promise<void> {
  const regions = { tokyo: home, osaka: standby };
  const lost = new Set<string>();
  for await (const line of createInterface({ input, signal })) {
    const [, verb, name] = /^\s*(lose|restore)\s+(tokyo|osaka)\s*$/.exec(line.toLowerCase()) ?? [];
    if (name !== "tokyo" && name !== "osaka") {
      say(COMMANDS);
    } else if (lost.has(name) === (verb === "lose")) {
      say(`${name} is ${verb === "lose" ? "lost already" : "there"}`);
    } else if (verb === "lose") {
      await regions[name].kill();
      lost.add(name);
      say(`${name} is lost: all of its processes have ended`);
    } else {
      say(`${name} starts again`);
      await regions[name].start(signal);
      lost.delete(name);
      say(`${name} is back, with the files that it had`);
    }
  }
  if (!signal.aborted) await once(signal, "abort");
}

const COMMANDS = `Type here: lose tokyo, restore tokyo, lose osaka or restore osaka. Ctrl-C stops everything.`;

function welcome({ home, standby, outputs }: TwoRegions): string {
  return `
Tokyo, the primary   ${home.url}
Osaka, its standby   ${standby.url}

You are the operator. In another terminal, in this folder:
  cd ${process.cwd()}
  export AWS_ACCESS_KEY_ID=me AWS_SECRET_ACCESS_KEY=local
  failover() { npm run --silent failover -- ${flagsOf(outputs).join(" ")} "$@"; }
  TOKYO=${home.url} OSAKA=${standby.url}
  failover status
  curl -T README.md $TOKYO/files/a
  curl -i $OSAKA/files/a

The outputs of both stacks are in ${dirname(outputs.home)}. docs/disaster-recovery.md says what to do when a region is lost.
${COMMANDS}
`;
}
