/**
 * Which records with a routing policy and a health check Route 53 takes into one zone, and which of them it answers with.
 *
 * @see https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
 * @see https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-how-route-53-chooses-records.html
 */
import { z } from "zod";

/** The policy is the one of the last three that is there. */
export interface ZoneRecord {
  readonly name: string;
  readonly type: string;
  readonly setIdentifier: string;
  readonly failover?: "PRIMARY" | "SECONDARY" | undefined;
  readonly region?: string | undefined;
  readonly weight?: number | undefined;
}

const POLICIES = ["failover", "region", "weight"] as const;

const schema = z.object({
  name: z.string(),
  type: z.string(),
  setIdentifier: z.string(),
  healthCheckId: z.string(),
  failoverRoutingPolicies: z.tuple([z.object({ type: z.enum(["PRIMARY", "SECONDARY"]) })]).optional(),
  latencyRoutingPolicies: z.tuple([z.object({ region: z.string() })]).optional(),
  weightedRoutingPolicies: z.tuple([z.object({ weight: z.int().min(0).max(255) })]).optional(),
});

/** @param inputs of `aws.route53.Record` */
export function parseRecord(inputs: unknown): ZoneRecord {
  const { name, type, setIdentifier, ...policies } = schema.parse(inputs);
  return {
    name,
    type,
    setIdentifier,
    failover: policies.failoverRoutingPolicies?.[0].type,
    region: policies.latencyRoutingPolicies?.[0].region,
    weight: policies.weightedRoutingPolicies?.[0].weight,
  };
}

/** @returns why Route 53 would refuse the records of a zone, or undefined where it takes them. */
export function conflictIn(records: readonly ZoneRecord[]): string | undefined {
  return records
    .flatMap((one, index) => records.slice(index + 1).map((other) => conflictOf(one, other)))
    .find((conflict) => conflict !== undefined);
}

function conflictOf(one: ZoneRecord, other: ZoneRecord): string | undefined {
  if (one.name !== other.name || one.type !== other.type) return undefined;
  if (one.setIdentifier === other.setIdentifier) return `two records are ${one.setIdentifier}`;
  const [policy, itsPolicy] = [one, other].map((record) => POLICIES.find((each) => record[each] !== undefined));
  if (policy === undefined || policy !== itsPolicy) return `${policy} beside ${itsPolicy}`;
  // Weights may be the same, but neither of the others.
  return policy !== "weight" && one[policy] === other[policy] ? `two records are ${one[policy]}` : undefined;
}

/** @returns the weighted records of a name that share its clients. */
export function answersOf(
  records: readonly ZoneRecord[],
  name: string,
  isHealthy: (record: ZoneRecord) => boolean,
): ZoneRecord[] {
  const ofName = records.filter((each) => each.name === name);
  const healthy = ofName.filter(isHealthy);
  const considered = healthy.length > 0 ? healthy : ofName;
  const weighted = considered.filter(({ weight = 0 }) => weight > 0);
  return weighted.length > 0 ? weighted : considered;
}
