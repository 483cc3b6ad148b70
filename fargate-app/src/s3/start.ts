/** The S3 API of a router: its server, and what is swept for it. */
import type { Logger } from "pino";
import { closeServer } from "../http/server.ts";
import type { S3Settings } from "../settings.ts";
import { Objects } from "./objects/objects.ts";
import { Records } from "./objects/records.ts";
import { createS3Server, type S3ServerOptions } from "./server.ts";
import { sweepS3 } from "./sweep.ts";

export interface S3Api {
  /** Waits for the responses in flight; returns how many were cut off after so many milliseconds. */
  readonly close: (timeout: number) => Promise<number>;
  /** Removes what there is no more use for, until the signal ends it. */
  readonly sweep: (signal: AbortSignal) => Promise<void>;
}

interface S3ApiOptions extends Omit<S3ServerOptions, "objects" | "domain"> {
  readonly settings: S3Settings;
  readonly host: string;
  /** Milliseconds after which a record that is about no file counts as orphaned. */
  readonly recordAge: number;
}

export async function startS3Api({ settings, host, recordAge, ...options }: S3ApiOptions): Promise<S3Api> {
  const { files, log } = options;
  const objects = new Objects(files, new Records(files, log));
  const app = createS3Server({ ...options, objects, domain: settings.domain });
  await app.listen({ host, port: settings.port, listenTextResolver: (address) => `S3 API listening at ${address}` });
  return {
    close: (timeout) => closeServer(app, timeout),
    sweep: (signal) => sweep(objects, { uploadAge: settings.uploadAge, recordAge, signal }, log),
  };
}

async function sweep(objects: Objects, options: Parameters<typeof sweepS3>[1], log: Logger): Promise<void> {
  const report = await sweepS3(objects, options);
  log.info(report, `Removed ${report.uploads} abandoned uploads and ${report.records} records of files that are gone`);
}
