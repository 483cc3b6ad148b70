/** The statement in a file system's policy that denies writes to all of its clients. The other statements stay. */
import * as z from "zod";

const policySchema = z.looseObject({
  Version: z.string().default("2012-10-17"),
  Statement: z.union([
    z.array(z.looseObject({ Sid: z.string().optional() })),
    z.looseObject({ Sid: z.string().optional() }),
  ]),
});

type Policy = z.infer<typeof policySchema>;

type Statement = Extract<Policy["Statement"], readonly unknown[]>[number];

const SID = "FencedByFailover";

const NO_WRITES: Statement = {
  Sid: SID,
  Effect: "Deny",
  Principal: { AWS: "*" },
  Action: "elasticfilesystem:ClientWrite",
  Resource: "*",
};

/**
 * What a file system without a policy allows to everyone (EFS user guide, "Default EFS file system policy"): a policy that
 * only denies would allow nothing to who has no IAM identity.
 */
const DEFAULT_ACCESS: Statement = {
  Sid: "DefaultAccessWhileFenced",
  Effect: "Allow",
  Principal: { AWS: "*" },
  Action: ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"],
  Resource: "*",
  Condition: { Bool: { "elasticfilesystem:AccessedViaMountTarget": "true" } },
};

/** @param policy Undefined where the file system has none. */
export function isFenced(policy: string | undefined): boolean {
  return policy !== undefined && statementsOf(parse(policy)).some(({ Sid }) => Sid === SID);
}

export function withFence(policy: string | undefined): string {
  const before = policy === undefined ? { Version: "2012-10-17", Statement: [DEFAULT_ACCESS] } : parse(policy);
  const others = statementsOf(before).filter(({ Sid }) => Sid !== SID);
  return JSON.stringify({ ...before, Statement: [...others, NO_WRITES] });
}

/** Undefined where the file system had no policy before it was fenced. */
export function withoutFence(policy: string): string | undefined {
  const before = parse(policy);
  const others = statementsOf(before).filter(({ Sid }) => Sid !== SID && Sid !== DEFAULT_ACCESS.Sid);
  return others.length === 0 ? undefined : JSON.stringify({ ...before, Statement: others });
}

function parse(policy: string): Policy {
  return policySchema.parse(JSON.parse(policy));
}

function statementsOf({ Statement }: Policy): readonly Statement[] {
  return Array.isArray(Statement) ? Statement : [Statement];
}
