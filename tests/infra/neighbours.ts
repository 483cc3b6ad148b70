/** The calls next to those that a policy allows. */
import { ACCOUNT_ID } from "./aws-stand-in.ts";
import { type IamRequest, request } from "./iam-requests.ts";
import type { Statement } from "./policies.ts";

/** Of each service, or for one action, a call that no role here may make: on a resource of its own, and on none. */
const FORBIDDEN: Readonly<Record<string, { readonly onResource: string; readonly onNone?: string }>> = {
  cloudwatch: { onResource: "cloudwatch:DeleteAlarms" },
  ec2: { onResource: "ec2:CreateTags", onNone: "ec2:DescribeInstances" },
  ecr: { onResource: "ecr:PutImage", onNone: "ecr:DescribeRegistry" },
  ecs: { onResource: "ecs:DeleteService", onNone: "ecs:ListClusters" },
  "ecs:DescribeTasks": { onResource: "ecs:StopTask" },
  elasticfilesystem: { onResource: "elasticfilesystem:DeleteFileSystem" },
  kms: { onResource: "kms:ScheduleKeyDeletion" },
  logs: { onResource: "logs:DeleteLogStream", onNone: "logs:DescribeDestinations" },
  secretsmanager: { onResource: "secretsmanager:PutSecretValue" },
  s3: { onResource: "s3:DeleteObject" },
  // Of a bucket, and not of its objects.
  "s3:ListBucket": { onResource: "s3:DeleteBucket" },
  sns: { onResource: "sns:DeleteTopic" },
  ssm: { onResource: "ssm:DeleteParameter" },
  ssmmessages: { onResource: "ssm:StartSession", onNone: "ssm:StartSession" },
};

/** Calls just outside what a statement allows: on another resource, with another context, or of another kind. */
export function neighboursOf({ Action, Resource, Condition }: Statement): IamRequest[] {
  const context = contextOf(Condition);
  const neighbours: IamRequest[] = [];
  for (const action of [Action].flat()) {
    const forbidden = FORBIDDEN[action] ?? FORBIDDEN[action.split(":")[0] ?? ""];
    for (const resource of [Resource].flat()) {
      if (resource !== "*") neighbours.push(request(action, another(resource), context));
      for (const [key, value] of Object.entries(context)) {
        neighbours.push(request(action, concrete(resource), { ...context, [key]: another(value) }));
      }
      const otherKind = resource === "*" ? forbidden?.onNone : forbidden?.onResource;
      if (otherKind === undefined) throw new Error(`Which call next to ${action} must be denied? Add it to FORBIDDEN`);
      neighbours.push(request(otherKind, concrete(resource), context));
    }
  }
  return neighbours;
}

/** The context that a statement's condition asks for. */
function contextOf(condition: unknown): Record<string, string> {
  return Object.assign({}, ...Object.values((condition ?? {}) as Record<string, Record<string, string>>));
}

/** A name or ARN like this one that is another's. */
function another(text: string): string {
  if (text === "true") return "false";
  // A prefix of a bucket: the neighbour is another prefix.
  if (/^arn:aws:s3:.*\/\*$/.test(text)) return text.replace(/[^/]*\/\*$/, "other/object");
  // All of a kind in the account: the neighbour is another account's.
  if (/\/\*$|:alarm:\*$/.test(text)) return concrete(text).replace(ACCOUNT_ID, "999999999999");
  return /:\*$/.test(text) ? `${text.slice(0, -2)}-other:log-stream:one` : `${text}0`;
}

/** One resource that an ARN with a wildcard stands for. */
function concrete(arn: string): string {
  if (arn === "*") return arn;
  return arn
    .replace(/:\*\/\*$/, ":network-interface/*")
    .replace(/:\*$/, ":log-stream:one")
    .replace(/\/\*$/, "/eni-0e0e0e0e");
}
