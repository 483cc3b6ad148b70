/** The router's bundle as a process of its own, over NFS servers of this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import type { MountTable } from "@efs-mount-autoscaling/mount-table";
import { z } from "zod";
import { targetList } from "../../fargate-app/src/http/routes/targets.ts";
import { CONNECTIONS } from "./connections.ts";

const BUNDLE = "dist/router/main.cjs";

const logLine = z.object({ level: z.string(), msg: z.string(), target: z.string().optional() });

export type BundleLogLine = z.infer<typeof logLine>;

/** Processes of each router that a suite starts: what ROUTER_WORKERS says, so that all suites can run with several. */
export const WORKERS = Number(process.env.ROUTER_WORKERS ?? 1);

/** What each worker of a router says or has, as often as there are workers. */
export function ofEachWorker<T>(...values: T[]): T[] {
  return Array.from({ length: WORKERS }, () => values).flat();
}

export interface RouterProcess {
  /** Empty while it does not listen yet, and when it could not start. */
  readonly url: string;
  readonly lines: readonly BundleLogLine[];
  /** All that it printed, as it printed it. */
  output(): string;
  readonly child: ChildProcess;
  targets(): Promise<z.infer<typeof targetList>["targets"]>;
  /** Sends SIGTERM, and resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>;
}

/** Starts the bundle, and waits until it listens or has ended. */
export async function startRouter(environment: Record<string, string>): Promise<RouterProcess> {
  if (!existsSync(BUNDLE)) throw new Error(`${BUNDLE} is missing: run npm run build first`);
  const child = spawn(process.execPath, [BUNDLE], {
    env: {
      PATH: process.env.PATH ?? "",
      AWS_REGION: "ap-northeast-1",
      AWS_ACCESS_KEY_ID: "AKIDLOCAL",
      AWS_SECRET_ACCESS_KEY: "local",
      // What the SDK says of this Node would only hide lines that matter.
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
      EFS_FILE_SYSTEM_ID: "fs-1",
      HOST: "127.0.0.1",
      PORT: "0",
      // Mount targets of tests are there at once, or not at all.
      START_TIMEOUT_SECONDS: "0",
      // A machine that is busy with other suites holds a router up for seconds: it is not to refuse requests for that.
      MAX_EVENT_LOOP_DELAY_SECONDS: "10",
      ROUTER_WORKERS: String(WORKERS),
      NFS_CONNECTIONS: String(CONNECTIONS),
      ...environment,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.pipe(process.stderr, { end: false });
  const lines: BundleLogLine[] = [];
  const exited = once(child, "exit").then(([code]) => (typeof code === "number" ? code : null));
  const listening = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const parsed = logLine.parse(JSON.parse(line));
      lines.push(parsed);
      const [, url] = /^Server listening at (.*)$/.exec(parsed.msg) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
  const url = await Promise.race([listening, exited.then(() => "")]);
  return {
    url,
    lines,
    output: () => Buffer.concat(output).toString(),
    child,
    exited,
    targets: () => targetsOf(url),
    stop: async () => {
      child.kill("SIGTERM");
      return exited;
    },
  };
}

/** The mount targets as the router at `url` sees them. */
export async function targetsOf(url: string): Promise<z.infer<typeof targetList>["targets"]> {
  return targetList.parse(await (await fetch(`${url}/targets`)).json()).targets;
}

/** The table of servers that listen on loopback ports. */
export function tableOf(servers: readonly { readonly host: string; readonly port: number }[]): MountTable {
  return {
    mount_targets: servers.map(({ host, port }, index) => ({
      mount_target_id: `fsmt-${index}`,
      ip_address: host,
      port,
      availability_zone: `ap-northeast-1${"acd"[index % 3]}`,
      subnet_id: `subnet-${index}`,
    })),
  };
}
