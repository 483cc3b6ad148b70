/**
 * The role of a region, where the file system is replicated to a second one.
 *
 * Each region has a document of its own in an SSM parameter of its own. The failover program writes it; the region's
 * routers poll it, and the primary's read the peer's, too. Without the parameter there is one region, which takes writes.
 *
 * ```json
 * {"role":"primary","epoch":1,"region":"ap-northeast-1","alone":false,
 *  "peer":{"region":"ap-northeast-3","url":"https://files.osaka.example","parameter_name":"/efs-mount-autoscaling/region"},
 *  "changed_at":"2026-11-29T00:00:00.000Z"}
 * ```
 */
import * as z from "zod";
import { parseDocument, serializeDocument } from "./document.ts";

export const ROLES = ["primary", "standby", "frozen"] as const;

/** How often a router polls its region's role within a lease: one poll that fails, or is late, does not end it. */
export const POLLS_IN_LEASE = 4;

const TIME = "must be a time in UTC like 2026-11-29T00:00:00Z";
const URL = "must be a URL like https://files.example";

const peerSchema = z.looseObject({
  region: z.string().min(1),
  url: z.url({ protocol: /^https?$/, error: URL }).optional(),
  parameter_name: z.string().min(1).optional(),
  endpoint: z.url({ protocol: /^https?$/, error: URL }).optional(),
});

const takeoverSchema = z.looseObject({
  epoch: z.int().min(1),
  replicated_until: z.iso.datetime(TIME),
});

const regionRoleSchema = z.looseObject({
  role: z.enum(ROLES, `must be one of ${ROLES.join(", ")}`),
  epoch: z.int().min(0),
  region: z.string().min(1),
  peer: peerSchema,
  alone: z.boolean().default(false),
  takeovers: z.array(takeoverSchema).default([]),
  refused_writes: z.int().min(0).optional(),
  changed_at: z.iso.datetime(TIME),
});

/**
 * `primary` takes writes. `standby` serves its read-only replica. `frozen` is a primary that is about to hand over: it
 * serves reads, and asks writers to retry.
 */
export type Role = (typeof ROLES)[number];

/**
 * The other region.
 *
 * - `url`: where its routers are, for clients. Absent as long as it is not known.
 * - `parameter_name`: where its document is. Where it is given, the primary's routers can reach that region, and confirm
 *   there that no other primary has been declared. Where it is absent, they confirm by the replication in their own
 *   region that they are still its source.
 * - `endpoint`: where its Systems Manager is, if not at the region's public address: a VPC endpoint's, or a local run's.
 */
export type Peer = z.infer<typeof peerSchema>;

/**
 * A takeover without the consent of the old primary: at `epoch`, from a replica that was complete up to
 * `replicated_until`. What was written at a lower epoch and later may be lost.
 */
export type Takeover = z.infer<typeof takeoverSchema>;

/**
 * The whole document. Unknown keys are kept.
 *
 * - `epoch` counts the declarations of a primary: see {@link nextEpoch}. A standby's is the highest that it was told.
 * - `alone`: the two regions are no pair. A primary that is alone takes writes without confirming its role: the peer has no
 *   replica of its file system, or is lost. A standby that is alone may lack what the primary has.
 * - `takeovers`: the latest ones, oldest first.
 * - `refused_writes`: how many writes its routers had refused when it was frozen. It stays until the change of the primary
 *   is over.
 * - `changed_at` increases with every change, also within an epoch.
 */
export type RegionRole = z.infer<typeof regionRoleSchema>;

export const DEFAULT_REGION_PARAMETER_NAME = "/efs-mount-autoscaling/region";

/** A document that is not a region's role; the message names every wrong field. */
export class RegionRoleError extends Error {
  override readonly name = "RegionRoleError";
}

/**
 * Reads a region's role from its JSON text.
 *
 * @throws {RegionRoleError} when the text is not JSON, or a field is missing or wrong.
 */
export function parseRegionRole(text: string): RegionRole {
  return parseDocument(
    text,
    regionRoleSchema,
    (reason, cause) => new RegionRoleError(`The role of the region ${reason}`, { cause }),
  );
}

/** Writes a region's role as JSON text. Keys are sorted, so equal documents are equal bytes. */
export function serializeRegionRole(role: RegionRole): string {
  return serializeDocument(role);
}

/** Whether `next` is newer than `known`. What is not newer is a stale read, and says nothing. */
export function supersedes(next: RegionRole, known: RegionRole): boolean {
  if (next.epoch !== known.epoch) return next.epoch > known.epoch;
  return Date.parse(next.changed_at) > Date.parse(known.changed_at);
}

/**
 * The epoch at which `region` may declare itself primary, after all that it has seen. The epochs of two peers never
 * meet: the region whose name sorts first has the odd ones, the other has the even ones. So even two operators who do
 * not know of each other cannot declare two primaries at one epoch.
 *
 * @param seen The highest epoch known; 0 for the first primary.
 */
export function nextEpoch(seen: number, region: string, peer: string): number {
  if (region === peer) throw new RegionRoleError(`A region cannot be its own peer: ${region}`);
  const first = region < peer ? 1 : 2;
  return seen < first ? first : seen + 1 + ((seen + 1 - first) % 2);
}
