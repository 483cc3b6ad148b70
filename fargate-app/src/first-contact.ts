/**
 * `node nfs.cjs first-contact [--quick] [--json]`: what the mount targets of the router's own environment do with its NFS
 * client. It reaches them as the router does, over TLS and with IAM where the router has these.
 */
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { defaultProvider } from "@aws-sdk/credential-provider-node";
import { type MountTargetTlsSettings, mountTargetTls } from "@efs-mount-autoscaling/efs-tls";
import { loadMountTable, mountTableSources } from "@efs-mount-autoscaling/routed-files";
import { AWS_REQUEST_TIMEOUT } from "@efs-mount-autoscaling/routed-files/aws-client";
import { messageOf } from "nfs-client";
import { type CommandOptions, runFirstContact } from "nfs-client/first-contact";
import pino from "pino";
import { createLog } from "./log.ts";
import { regionSources } from "./region/sources.ts";
import { readSettings, type Settings } from "./settings.ts";

const USAGE = `Usage: node nfs.cjs first-contact [--quick] [--json]

  --quick   in seconds, with latencies of few samples
  --json    end with one line of JSON

Everything else comes from the environment, as the router's settings do.
`;

class UsageError extends Error {}

/** Returns the exit code. */
export async function runInEnvironment(args: readonly string[]): Promise<number> {
  try {
    const { quick, json } = readArguments(args);
    return await runFirstContact({ ...(await optionsFor(readSettings(process.env))), quick, json });
  } catch (error) {
    process.stderr.write(`first-contact: ${messageOf(error)}\n`);
    if (!(error instanceof UsageError)) return 1;
    process.stderr.write(`\n${USAGE}`);
    return 2;
  }
}

function readArguments(args: readonly string[]): Pick<CommandOptions, "quick" | "json"> {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({ args: [...args], options: { quick: flag, json: flag } }).values;
  } catch (cause) {
    throw new UsageError(messageOf(cause), { cause });
  }
}

async function optionsFor(settings: Settings): Promise<Omit<CommandOptions, "quick" | "json">> {
  const { nfsTls, nfsPort, nfsOperationTimeout, rootDirectory } = settings;
  await requirePrimary(settings);
  // The standard output is the page's.
  const log = createLog(pino.destination({ fd: 2, sync: true }));
  const { table } = await loadMountTable(mountTableSources(settings), log);
  const tls = nfsTls && (await mountTargetTls(nfsTls));
  const [first, ...others] = table.mount_targets.map(({ ip_address: host, port = nfsPort }) => ({ host, port, tls }));
  if (first === undefined) throw new Error("The mount table lists no mount target");
  return {
    targets: [first, ...others],
    path: rootDirectory,
    credential: {
      machineName: hostname().slice(0, 64),
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      gids: [],
    },
    timeout: nfsOperationTimeout,
    invalidTls: nfsTls?.iamRegion === undefined ? undefined : await invalidlySigned(nfsTls),
  };
}

/** First contact writes files of its own, which a replica does not take. */
async function requirePrimary(settings: Settings): Promise<void> {
  const { regionParameterName } = settings;
  if (regionParameterName === undefined) return;
  const { role, region, peer } = await regionSources(regionParameterName, settings).role(
    AbortSignal.timeout(AWS_REQUEST_TIMEOUT),
  );
  if (role !== "primary") {
    throw new Error(`${region} is ${role}: first contact writes files, so ask the mount targets in ${peer.region}`);
  }
}

/** The same connection, in the name of the same key, but signed with another secret. */
function invalidlySigned(settings: MountTargetTlsSettings) {
  const credentials = defaultProvider();
  return mountTargetTls(settings, async () => ({ ...(await credentials()), secretAccessKey: "not the secret" }));
}
