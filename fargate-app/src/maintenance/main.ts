/**
 * `node dist/router/nfs.cjs COMMAND /PATH`: the command line of the NFS client, over the file system that the
 * environment names. The variables are those of the router (settings.ts): mount table, TLS, access point and IAM.
 * `node dist/router/nfs.cjs first-contact`: what the mount targets of that environment do with the client.
 */
import { mountTargetTls } from "@efs-mount-autoscaling/efs-tls";
import { loadMountTable, mountTableSources } from "@efs-mount-autoscaling/routed-files";
import { connectNfs } from "nfs-client";
import { runCommandLine, UsageError } from "nfs-client/cli";
import pino from "pino";
import { runInEnvironment } from "../first-contact.ts";
import { createLog } from "../log.ts";
import { readSettings } from "../settings.ts";
import { connectToAny } from "./mount-target.ts";

/** The standard output is for what commands show. */
const log = createLog(pino.destination({ fd: 2, sync: true }));
log.level = "error";

const [command, ...options] = process.argv.slice(2);

function run(): Promise<number> {
  return command === "first-contact" ? runInEnvironment(options) : runFileCommand();
}

function runFileCommand(): Promise<number> {
  return runCommandLine({
    arguments: process.argv.slice(2),
    places: "/PATH in the file system, or in the access point's directory",
    connect: async (server, options) => {
      if (server !== undefined)
        throw new UsageError("The file system is the one of the environment: give the path alone");
      const settings = readSettings(process.env);
      const [{ table }, tls] = await Promise.all([
        loadMountTable(mountTableSources(settings), log),
        settings.nfsTls && mountTargetTls(settings.nfsTls),
      ]);
      const { nfsConnectTimeout: connectTimeout, nfsDetectionTimeout: silenceLimit, nfsPort } = settings;
      return connectToAny(
        table,
        (target) => connectNfs({ ...options, ...target, tls, connectTimeout, silenceLimit }),
        nfsPort,
      );
    },
  });
}

run().then((code) => {
  process.exitCode = code;
});
