import type { Registered } from "./stack.ts";

/** A statement of an IAM policy, as it is sent to AWS. */
export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: unknown;
}

/** The statements of the roles' own policies, by the policies' names. */
export function policiesOf(resources: readonly Registered[]): Map<string, readonly Statement[]> {
  return new Map(
    resources
      .filter(({ type }) => type === "aws:iam/rolePolicy:RolePolicy")
      .map(({ name, inputs }) => [name, JSON.parse(String(inputs.policy)).Statement]),
  );
}
