/** What IAM answers to a request. */
import { runSimulation } from "@cloud-copilot/iam-simulate";
import { ACCOUNT_ID } from "./aws-stand-in.ts";
import type { IamRequest } from "./iam-requests.ts";
import type { Statement } from "./policies.ts";

/** What AWS gives a key that says nothing else: IAM decides. */
const KEY_POLICY = {
  Version: "2012-10-17",
  Statement: [
    { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT_ID}:root` }, Action: "kms:*", Resource: "*" },
  ],
};

export interface Answer {
  readonly result: string;
  /** The statements that allowed it. */
  readonly allowedBy: readonly string[];
}

export async function simulate(
  statements: readonly Statement[],
  { action, resource, context }: IamRequest,
): Promise<Answer> {
  const answer = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${ACCOUNT_ID}:role/any`,
        action,
        resource: { resource, accountId: ACCOUNT_ID },
        contextVariables: context,
      },
      identityPolicies: [{ name: "role", policy: { Version: "2012-10-17", Statement: statements } }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      ...(action.startsWith("kms:") ? { resourcePolicy: KEY_POLICY } : {}),
    },
    {},
  );
  if (answer.resultType === "error") throw new Error(`${action} on ${resource}: ${JSON.stringify(answer.errors)}`);
  const results = answer.resultType === "single" ? [answer.result] : answer.results;
  return {
    result: answer.overallResult,
    allowedBy: results.flatMap(({ analysis }) =>
      (analysis.identityAnalysis?.allowStatements ?? []).map(({ statement }) => statement.sid() ?? ""),
    ),
  };
}
