/** `npm run compare`: small files through a mount of EFS and through a router, in one task of a deployed stack. */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline/promises";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EC2Client } from "@aws-sdk/client-ec2";
import { ECSClient } from "@aws-sdk/client-ecs";
import { EFSClient } from "@aws-sdk/client-efs";
import { Command } from "commander";
import { type Deployed, findDeployed, NotDeployedError } from "./deployed.ts";
import { MAX_DOLLARS, maxPrice } from "./price.ts";
import { toReport } from "./report.ts";
import { MAX_MINUTES, runComparison } from "./run.ts";
import { measuringScript } from "./script.ts";
import { settingsOf, TASK_CPU, TASK_MEMORY } from "./task.ts";
import { WORKLOAD } from "./workload.ts";

interface Options {
  readonly cluster: string;
  readonly service: string;
  readonly yes: boolean;
  readonly plan: boolean;
  readonly json: boolean;
}

/** Of a wrong command line, and of a stack that is not there. */
const EXIT_USAGE = 2;

await new Command("npm run compare --")
  .description("Measures small files through a mount of EFS and through a router, in one task of a deployed stack.")
  .requiredOption("--cluster <name>", 'the cluster: "$(pulumi stack output clusterName)"')
  .requiredOption("--service <name>", 'the service: "$(pulumi stack output serviceName)"')
  .option("--plan", "say what would be done and what it costs, and do nothing", false)
  .option("--yes", "do not ask", false)
  .option("--json", "end with one line of JSON", false)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE))
  .action(async (options: Options) => {
    process.exitCode = await run(options);
  })
  .parseAsync();

async function run({ cluster, service, yes, plan, json }: Options): Promise<number> {
  // Region and credentials are those of the AWS CLI.
  const aws = {
    ecs: new ECSClient(),
    efs: new EFSClient(),
    ec2: new EC2Client(),
    logs: new CloudWatchLogsClient(),
  };
  let deployed: Deployed;
  try {
    deployed = await findDeployed(aws, { cluster, service });
  } catch (error) {
    if (!(error instanceof NotDeployedError)) throw error;
    console.error(error.message);
    return EXIT_USAGE;
  }
  const price = maxPrice(WORKLOAD);
  if (price > MAX_DOLLARS) throw new Error(`It would cost up to ${price.toFixed(2)} US dollars`);
  const id = `efs-compare-${randomUUID()}`;
  console.error(planOf(deployed, id, price));
  if (plan) return 0;
  if (!(yes || (await isAgreed()))) {
    console.error("Nothing was done.");
    return EXIT_USAGE;
  }

  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupted.abort(new Error(`Interrupted by ${signal}`)));
  }
  const outcome = await runComparison(aws, deployed, {
    id,
    script: await measuringScript(settingsOf(id)),
    signal: interrupted.signal,
    say: (progress) => console.error(progress),
  });
  if (outcome.results.length > 0) console.log(toReport(outcome.results));
  if (outcome.error !== undefined) console.error(`It failed: ${outcome.error}`);
  for (const left of outcome.leftBehind) console.error(`Left behind: ${left}`);
  if (json) console.log(JSON.stringify(outcome));
  return outcome.error === undefined && outcome.leftBehind.length === 0 ? 0 : 1;
}

function planOf(deployed: Deployed, id: string, price: number): string {
  const { rounds, filesPerRound, oneAtATime, atOnce, fileBytes } = WORKLOAD;
  const files = rounds * filesPerRound;
  return `One task in the cluster ${deployed.cluster}, with ${TASK_CPU / 1024} vCPU and ${TASK_MEMORY / 1024} GB, for at most ${MAX_MINUTES} minutes.
It runs a router as the service does, and beside it a container with ${deployed.fileSystemId} mounted by ECS.
Both read and replace the same ${files} files of ${fileBytes} bytes, in ${rounds} rounds: ${oneAtATime} of ${filesPerRound} one at a time, the others ${atOnce} at once.
The load balancer's hop is not in it. The service is not touched.

Made, and taken away in the end:
  the task definition ${id}
  the directory ${id} in the file system. The monitor counts its files: they may pass the threshold
What stays: the task's lines in the log group ${deployed.logGroup}

It costs at most ${price.toFixed(2)} US dollars.`;
}

async function isAgreed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    console.error("There is nobody to ask: --yes does it without asking.");
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question("Go on? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}
