/** Every call that the monitor's and the router's bundles make to AWS while the system scales out once. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AwsError } from "../../local/control-plane/aws-error.ts";
import type { Call } from "../../local/control-plane/server.ts";
import { waitForState } from "../../local/control-plane/wait.ts";
import { TARGET_DIRECTORY } from "../../local/environments.ts";
import { startStack, waitUntilSteady } from "../../local/stack.ts";

const TIMEOUT = 60_000;
const THRESHOLD = 3;
const TOKEN = "token-of-the-recorded-run-0123456789abcdef";

/** The calls of a run, by the bundle that made them. */
export interface RecordedCalls {
  readonly monitor: readonly Call[];
  readonly router: readonly Call[];
}

/**
 * Runs the whole local system until a mount target was added and the tasks rolled. On the way, the new task is once
 * refused the mount table, so that it also asks EFS.
 */
export async function recordCalls(): Promise<RecordedCalls> {
  const calls: Call[] = [];
  let refusals = 0;
  const abort = new AbortController();
  const output: string[] = [];
  const stack = await startStack({
    tasks: 1,
    mountTargets: 2,
    apiToken: TOKEN,
    fileCountThreshold: THRESHOLD,
    monitorInterval: 500,
    mountTargetCreationDelay: 200,
    log: ({ text }) => output.push(text),
    onMonitorRun: () => {},
    onCall: (call) => {
      calls.push(call);
      if (call.operation === "GetParameter" && call.accessKeyId === "ROUTER" && refusals === 0) {
        refusals += 1;
        return { takesEffect: false, response: new AwsError("AccessDeniedException", 400, "Refused once") };
      }
      return undefined;
    },
    signal: abort.signal,
  });
  try {
    for (let file = 0; file <= THRESHOLD; file += 1) {
      await writeFile(join(stack.fileSystemPath, TARGET_DIRECTORY, `file-${file}`), "");
    }
    await lookAtStatus(stack.url, abort.signal);
    await waitForState(stack.controlPlane, ({ services }) => (services[0]?.deployments.length ?? 0) > 1, {
      what: "A deployment",
      timeout: TIMEOUT,
      signal: abort.signal,
    });
    await waitUntilSteady(stack.controlPlane, { timeout: TIMEOUT, signal: abort.signal });
  } finally {
    await stack.close();
  }
  const by = (accessKeyId: string) => calls.filter((call) => call.accessKeyId === accessKeyId);
  return { monitor: by("FILE-MONITOR"), router: by("ROUTER") };
}

/** As a browser does, until it is told how the service is. */
async function lookAtStatus(url: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${url}/status/events`, { headers: { authorization: `Bearer ${TOKEN}` }, signal });
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    if (chunk.includes("event: status")) return;
  }
  throw new Error(`The stream ended, with status ${response.status}`);
}
