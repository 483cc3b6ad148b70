/** `npm run local`: the whole system on this machine, until Ctrl-C. */
import { once } from "node:events";
import { Command, InvalidArgumentError, Option } from "commander";
import { describeArrived, type LogPipeline, NO_FLUENT_BIT, startLogPipeline } from "./firelens/log-pipeline.ts";
import { isTrouble } from "./logs/log-level.ts";
import { runProgram } from "./machine/program.ts";
import { describeMonitorRun } from "./monitor-run.ts";
import { practise } from "./regions/practice.ts";
import { type Stack, startStack } from "./stack.ts";

interface Options {
  readonly port: number;
  readonly tasks: number;
  readonly threshold: number;
  readonly every: number;
  readonly logs: boolean;
  readonly regions: "1" | "2";
  readonly s3Port: number;
  readonly json: boolean;
}

/** For the S3 API, which takes no request that is not signed. */
const S3_ACCESS_KEY = {
  accessKeyId: "AKIALOCALLOCALLOCAL0",
  secretAccessKey: "local-secret-for-the-s3-api-of-this-machine",
};
const BUCKET = "my-bucket";

await new Command("npm run local --")
  .description("Runs the file API over two mount targets, and adds the third one when there are enough files.")
  .option("--port <n>", "port of the file API; 0 for any", wholeNumber(0, 65_535), 8000)
  .option("--s3-port <n>", "port of the S3 API; 0 for any", wholeNumber(0, 65_535), 8001)
  .option("--tasks <n>", "routers behind it", wholeNumber(1, 16), 2)
  .option("--threshold <n>", "files after which a mount target is added", wholeNumber(0, 1_000_000), 100)
  .option("--every <seconds>", "how often the monitor counts", wholeNumber(1, 3_600), 10)
  .option("--logs", "print every log line, not only warnings and errors", false)
  .option("--json", "print where everything is as one line of JSON, before all else", false)
  .addOption(
    new Option("--regions <n>", "2: a primary and its standby, to practise a failover on")
      .choices(["1", "2"])
      .default("1")
      .conflicts(["port", "tasks", "threshold", "every", "s3Port", "json"]),
  )
  .action((options: Options) =>
    runProgram((signal) => (options.regions === "2" ? localRegions(options, signal) : local(options, signal))),
  )
  .parseAsync();

async function localRegions({ logs }: Options, signal: AbortSignal): Promise<number> {
  await practise({
    input: process.stdin,
    say: (text) => console.log(text),
    log: (line) => {
      if (logs) console.error(`${line.source}: ${line.text}`);
    },
    signal,
  });
  return 0;
}

async function local(options: Options, signal: AbortSignal): Promise<number> {
  const logPipeline = await startLogPipeline(() => {});
  try {
    return await localWith(logPipeline, options, signal);
  } finally {
    if (logPipeline !== undefined) console.log(describeArrived(await logPipeline.close()));
  }
}

async function localWith(
  logPipeline: LogPipeline | undefined,
  { port, s3Port, tasks, threshold, every, logs, json }: Options,
  signal: AbortSignal,
): Promise<number> {
  const stack = await startStack({
    tasks,
    mountTargets: 2,
    fileCountThreshold: threshold,
    monitorInterval: every * 1000,
    mountTargetCreationDelay: 5_000,
    changeFeed: true,
    port,
    s3: { port: s3Port, accessKey: S3_ACCESS_KEY, bucket: BUCKET },
    log: (line) => {
      logPipeline?.write(line);
      if (logs || isTrouble(line)) console.error(`${line.source}: ${line.text}`);
    },
    onMonitorRun: (invocation) => {
      for (const line of describeMonitorRun(invocation)) console.log(line);
    },
    signal,
  });
  try {
    if (json) console.log(JSON.stringify(addresses(stack)));
    else {
      console.log(welcome(stack, threshold, every));
      console.log(describeLogs(logPipeline));
    }
    if (!signal.aborted) await once(signal, "abort");
  } finally {
    await stack.close();
  }
  return 0;
}

function addresses({ url, s3Url, controlPlane }: Stack) {
  return { api: url, s3: s3Url, ...S3_ACCESS_KEY, bucket: BUCKET, aws: controlPlane.url, status: `${url}/status` };
}

function welcome(stack: Stack, threshold: number, every: number): string {
  const { url, s3Url } = stack;
  const awsUrl = stack.controlPlane.url;
  return `
Look       ${url}          (in a browser: its state as it changes, and buttons to disturb it)
File API   ${url}/files/   (its documentation: ${url}/docs)
S3 API     ${s3Url}
Tasks      ${stack.taskUrls().join(" ")}
AWS        ${awsUrl}

Put a file, read it, list its directory:
  curl -T README.md ${url}/files/hello/README.md
  curl ${url}/files/hello/README.md
  curl ${url}/files/hello/

Do the same with the AWS CLI:
  export AWS_ACCESS_KEY_ID=${S3_ACCESS_KEY.accessKeyId} AWS_SECRET_ACCESS_KEY=${S3_ACCESS_KEY.secretAccessKey} AWS_REGION=ap-northeast-1
  aws --endpoint-url ${s3Url} s3 cp README.md s3://${BUCKET}/hello/README.md
  curl ${url}/files/${BUCKET}/hello/

And from a program:
  npx tsx --input-type=module --eval 'import { connectFiles } from "efs-files";
    console.log(await connectFiles({ url: "${url}" }).readFile("hello/README.md", "utf8"))'

Follow what changes, while you do the rest in another terminal:
  curl -N ${url}/events

See the mount targets and what went through them:
  curl ${url}/targets

Pass the threshold of ${threshold} files. Within ${every} s the monitor counts them and adds the third mount target;
then the tasks are replaced, and use it:
  for i in $(seq ${threshold + 1}); do curl -s -d "file $i" -X PUT ${url}/files/many/$i; done

Ask AWS, with the AWS CLI:
  export AWS_ENDPOINT_URL=${awsUrl} AWS_REGION=ap-northeast-1 AWS_ACCESS_KEY_ID=me AWS_SECRET_ACCESS_KEY=local
  aws efs describe-mount-targets --file-system-id fs-0e5a0000000000001

With that environment, reach the same files from a program without a router:
  NFS_TLS=off NFS_PORT=${stack.nfsPort} npx tsx --input-type=module --eval 'import { openFiles } from "efs-files/embedded";
    const files = await openFiles(); console.log(await files.readdir("hello")); await files.close()'

Ctrl-C stops everything and removes every file.
`;
}

function describeLogs(pipeline: LogPipeline | undefined): string {
  if (pipeline === undefined) return NO_FLUENT_BIT;
  return `
See the tasks' logs, which Fluent Bit sends to a local S3 within 12 s, and errors at once to a local CloudWatch Logs:
  find ${pipeline.s3Directory} -name '*.gz' -exec zcat {} +
  tail -F ${pipeline.errorLogDirectory}/*.jsonl
`;
}

function wholeNumber(from: number, to: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= from && number <= to) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${from} to ${to}.`);
  };
}
