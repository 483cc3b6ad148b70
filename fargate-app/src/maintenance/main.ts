/**
 * `node dist/router/nfs.cjs COMMAND /PATH`: the command line of the NFS client, over the file system that the
 * environment names. The variables are those of the router (settings.ts): mount table, TLS, access point and IAM.
 */

import { mountTargetTls } from "@efs-mount-autoscaling/efs-tls";
import { connectNfs } from "nfs-client";
import { runCommandLine, UsageError } from "nfs-client/cli";
import pino from "pino";
import { createLog } from "../log.ts";
import { loadMountTable, mountTableSources } from "../router/mount-table-sources.ts";
import { readSettings } from "../settings.ts";
import { connectToAny } from "./mount-target.ts";

/** The standard output is for what commands show. */
const log = createLog(pino.destination({ fd: 2, sync: true }));
log.level = "error";

runCommandLine({
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
}).then((code) => {
  process.exitCode = code;
});
