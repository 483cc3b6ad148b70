/** Removes what the S3 API has no more use for: uploads that were abandoned, and records of files that are gone. */
import type { FilePath } from "@efs-mount-autoscaling/routed-files";
import { isStatus } from "nfs-client";
import type { Objects } from "./objects/objects.ts";
import { recordPath } from "./objects/records.ts";
import { statIfThere } from "./shared-files.ts";
import { Uploads } from "./uploads/uploads.ts";

export interface SweepOptions {
  /** Milliseconds without a new part, after which an upload counts as abandoned. */
  readonly uploadAge: number;
  /** Milliseconds, after which a record is no longer that of a file which is about to get its name. */
  readonly recordAge: number;
  readonly signal: AbortSignal;
}

export interface SweepReport {
  readonly uploads: number;
  readonly records: number;
}

/** Ends early, and without an error, when the signal says so. */
export async function sweepS3(
  objects: Objects,
  { uploadAge, recordAge, signal }: SweepOptions,
  now = Date.now(),
): Promise<SweepReport> {
  const uploads = new Uploads(objects);
  const report = { uploads: 0, records: 0 };
  for await (const { id, modifiedAt } of uploads.directories()) {
    if (signal.aborted) return report;
    if (modifiedAt > now - uploadAge) continue;
    await uploads.abort(id);
    report.uploads += 1;
  }
  for await (const { place, path, attributes } of objects.records.all()) {
    if (signal.aborted) return report;
    if (attributes.modifiedAt > now - recordAge) continue;
    if (path !== undefined && (await isAbout(objects, place, path))) continue;
    await objects.records.removeAt(place);
    report.records += 1;
  }
  return report;
}

/** Whether what is at a path is what the record is about, as far as the router may look. */
async function isAbout({ files }: Objects, record: FilePath, path: FilePath): Promise<boolean> {
  try {
    const attributes = await statIfThere(files, path);
    return attributes !== undefined && recordPath(attributes) === record;
  } catch (error) {
    // The directory of a user who keeps others out.
    if (isStatus(error, "NFS4ERR_ACCESS", "NFS4ERR_PERM")) return true;
    throw error;
  }
}
