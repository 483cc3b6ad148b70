/**
 * The mount table: which mount targets the routers spread paths over.
 *
 * The file monitor writes it to an SSM parameter as JSON; every router reads it from there.
 */
import * as z from "zod";
import { compare, parseDocument, serializeDocument } from "./document.ts";

const mountTargetSchema = z.looseObject({
  mount_target_id: z.string().regex(/^fsmt-[0-9a-f]+$/, "must look like fsmt-0123abcd"),
  ip_address: z.union([z.ipv4(), z.ipv6()], "must be an IPv4 or IPv6 address"),
  availability_zone: z.string().min(1),
  subnet_id: z.string().regex(/^subnet-[0-9a-f]+$/, "must look like subnet-0123abcd"),
  port: z.int().min(1).max(65_535).optional(),
  retiring_since: z.iso.datetime({ offset: true, error: "must be a time like 2026-11-29T01:02:03Z" }).optional(),
});

const mountTableSchema = z.looseObject({
  mount_targets: z.array(mountTargetSchema).superRefine((targets, context) => {
    const seen = new Set<string>();
    for (const [index, target] of targets.entries()) {
      if (seen.has(target.mount_target_id)) {
        context.addIssue({
          code: "custom",
          path: [index, "mount_target_id"],
          message: `${target.mount_target_id} is listed twice`,
        });
      }
      seen.add(target.mount_target_id);
    }
  }),
});

/**
 * One mount target in state `available`. `port` is 2049 when absent. Unknown keys are kept.
 *
 * One with `retiring_since` (ISO 8601) will be deleted: routers send nothing new there, and let what is in flight finish.
 * A router that doesn't know the key goes on using the target.
 */
export type MountTarget = z.infer<typeof mountTargetSchema>;

/** The whole document. Unknown keys are kept. */
export type MountTable = z.infer<typeof mountTableSchema>;

/** NFS's registered port, used where a mount target names none. */
export const DEFAULT_NFS_PORT = 2049;

/** A document that is not a mount table; the message names every wrong field. */
export class MountTableError extends Error {
  override readonly name = "MountTableError";
}

/**
 * Reads a mount table from its JSON text.
 *
 * @throws {MountTableError} when the text is not JSON, or a field is missing or wrong.
 */
export function parseMountTable(text: string): MountTable {
  return parseDocument(
    text,
    mountTableSchema,
    (reason, cause) => new MountTableError(`The mount table ${reason}`, { cause }),
  );
}

/** Writes a mount table as JSON text. Targets and keys are sorted, so equal tables are equal bytes. */
export function serializeMountTable(table: MountTable): string {
  const mountTargets = [...table.mount_targets].sort((a, b) => compare(a.mount_target_id, b.mount_target_id));
  return serializeDocument({ ...table, mount_targets: mountTargets });
}
