import type * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import * as z from "zod";
import { variablesOf } from "./environment.ts";
import type { RouterEnvironment } from "./file-system-client.ts";
import { accessEnvironment, accessStatements, type RouterAccess } from "./router-access.ts";

/** A statement of an IAM policy, in its own words. */
const statement = z.object({
  Sid: z.string(),
  Effect: z.literal("Allow"),
  Action: z.union([z.string(), z.array(z.string())]),
  Resource: z.union([z.string(), z.array(z.string())]),
  Condition: z.record(z.string(), z.record(z.string(), z.string())).optional(),
});

const blueprintSchema = z.object({
  /** The routers' image by its digest, and the repository that has it. */
  image: z.string(),
  imageRepositoryArn: z.string(),
  cpuArchitecture: z.enum(["ARM64", "X86_64"]),
  /** Variables that every router of the file system must have, so that all do the same. */
  environment: z.record(z.string(), z.string()).and(z.object({ AWS_REGION: z.string() })),
  /** What a router must be allowed: statements for a task role. */
  taskStatements: z.array(statement),
  vpcId: z.string(),
  subnetIds: z.array(z.string()),
  /** The security groups of the mount targets; those of someone else may only be named. */
  mountTargetGroups: z.array(z.object({ id: z.string(), mayBeOpened: z.boolean() })),
  /** The only way to AWS from the subnets. Absent: they have a way of their own. */
  vpcEndpoints: z.object({ securityGroupId: z.string(), s3PrefixListId: z.string() }).optional(),
  /** The addresses of the other region's VPC, where a router reads that region's role. Absent: it reads none there. */
  peerCidr: z.string().optional(),
  /** Traces: the variables for them, and where in the VPC the collector is. Absent: the stack traces nothing. */
  tracing: z
    .object({
      environment: z.record(z.string(), z.string()),
      collector: z.object({ cidrs: z.array(z.string()), port: z.number() }),
    })
    .optional(),
  /** The secret with the access keys of the stack's own S3 API. Absent: it has none. */
  s3AccessKeysSecretArn: z.string().optional(),
  /** The customer-managed key of the stack's secrets. Absent: the AWS-managed one. */
  secretKeyArn: z.string().optional(),
});

/** What a stack tells whoever runs a router of its file system elsewhere: its output `routerBlueprint`. */
export type RouterBlueprint = z.output<typeof blueprintSchema>;

export interface RouterBlueprintArgs {
  readonly access: RouterAccess;
  /** Variables besides those that follow from `access`. */
  readonly environment: Partial<RouterEnvironment>;
  /** Statements besides those that follow from `access`. */
  readonly statements: readonly aws.iam.PolicyStatement[];
  /** The rest, as it is told. */
  readonly told: Later<Omit<RouterBlueprint, "environment" | "taskStatements">>;
}

/** A value that AWS may still have to say, or a part of it. */
type Later<Value> = pulumi.Input<Value> | { readonly [Key in keyof Value]: Later<Value[Key]> };

/** What the stack tells: its output. */
export function blueprintOf({ access, environment, statements, told }: RouterBlueprintArgs) {
  return pulumi
    .output({
      told,
      environment: variablesOf({ ...accessEnvironment(access, {}), ...environment }),
      taskStatements: [...accessStatements(access, {}), ...statements],
    })
    .apply(({ told: rest, ...own }): RouterBlueprint => blueprintSchema.parse({ ...rest, ...own }));
}

/**
 * Reads what a stack tells. It must have been deployed: its values are needed in a preview, too.
 *
 * @throws when the stack tells nothing, or something else.
 */
export async function readRouterBlueprint(stack: pulumi.StackReference): Promise<RouterBlueprint> {
  const { value, secretValue } = await stack.getOutputDetails("routerBlueprint");
  const { success, data, error } = blueprintSchema.safeParse(value ?? secretValue);
  if (success) return data;
  throw new Error(
    `The stack's output routerBlueprint is not what this version reads: deploy that stack with the version that this program imports. ${z.prettifyError(error)}`,
    { cause: error },
  );
}
