/** The two regions that a command is about: what their stacks have put out. */
import { DEFAULT_REGION_PARAMETER_NAME } from "@efs-mount-autoscaling/mount-table";
import * as z from "zod";

const outputsSchema = z.looseObject({
  region: z.string("must be an AWS region like ap-northeast-1").min(1),
  fileSystemId: z.string("must be an EFS file system id").regex(/^fs-[0-9a-f]+$/, "must look like fs-0123abcd"),
  url: z.url({ protocol: /^https?$/, error: "must be a URL like https://files.example" }).optional(),
  regionParameterName: z.string().min(1).default(DEFAULT_REGION_PARAMETER_NAME),
  roleLeaseSeconds: z.coerce.number().positive().default(120),
  endpoint: z.url({ protocol: /^https?$/, error: "must be a URL like http://127.0.0.1:4566" }).optional(),
});

/**
 * A region: outputs of its stack (`pulumi stack output --json`).
 *
 * - `url`: where its routers are. Absent: nobody asks whether they answer.
 * - `endpoint`: where its AWS is, if not at the public addresses: that of a local run.
 */
export type RegionDescription = z.infer<typeof outputsSchema>;

/** A description of a region that is not one; the message names every wrong output. */
export class RegionDescriptionError extends Error {
  override readonly name = "RegionDescriptionError";
}

/** @throws {RegionDescriptionError} when the text is not JSON, or an output is missing or wrong. */
export function parseRegionDescription(text: string, from: string): RegionDescription {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new RegionDescriptionError(`${from} is not JSON: expected what pulumi stack output --json prints`, { cause });
  }
  const result = outputsSchema.safeParse(document);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".") || "it"}: ${message}`);
  throw new RegionDescriptionError(`${from} does not describe a region: ${problems.join("; ")}`, {
    cause: result.error,
  });
}
