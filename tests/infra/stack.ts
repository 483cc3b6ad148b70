/** The stack's program, run against mocks: what it registers, and nothing is created. */
import * as pulumi from "@pulumi/pulumi";
import { vi } from "vitest";
import { PROJECT } from "../../config.ts";
import { create, lookUp, type Properties } from "./aws-stand-in.ts";

/** A resource as the program registered it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  readonly inputs: Properties;
  /** What the stand-in for AWS made of it. */
  readonly outputs: Properties;
  readonly ignoreChanges: readonly string[];
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  /** What the resource is replaced for, when it changes. */
  readonly replacementTrigger: unknown;
  /** Whether AWS can tag it. */
  readonly taggable: boolean;
}

export interface RegisteredStack {
  readonly resources: readonly Registered[];
  readonly outputs: Properties;
  /** What the program looked up, such as `aws:index/getRegion:getRegion`. */
  readonly lookUps: readonly string[];
}

/** The stack's configurations that the rules are held against, by name. */
export const CONFIGURATIONS = {
  defaults: {},
  everything: {
    owner: "file-service@example.com",
    nameSuffix: "-prod",
    kmsKeyArn: "arn:aws:kms:ap-northeast-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    dataOnDestroy: "retain",
    certificateArn: "arn:aws:acm:ap-northeast-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    availabilityZones: '["ap-northeast-1a","ap-northeast-1c","ap-northeast-1d"]',
    allowedCidrs: '["10.0.0.0/16","172.16.0.0/12"]',
    throughputMode: "provisioned",
    provisionedThroughput: "256",
    transitionToIaDays: "30",
    maxMountTargets: "3",
    parameterType: "SecureString",
    alarmEmail: "on-call@example.com",
    auditTrail: "true",
  },
  "an existing VPC and file system": {
    vpcId: "vpc-0e0e0e0e",
    privateSubnetIds: '["subnet-0e0e0e01","subnet-0e0e0e02","subnet-0e0e0e03"]',
    createVpcEndpoints: "false",
    existingFileSystemId: "fs-0e0e0e0e",
    logRouter: "false",
    efsIamAuthorization: "false",
    apiToken: "false",
    rollout: "hot-reload",
    mountTableRefreshSeconds: "10",
  },
  "endpoints in an existing VPC": {
    vpcId: "vpc-0e0e0e0e",
    privateSubnetIds: '["subnet-0e0e0e01","subnet-0e0e0e02","subnet-0e0e0e03"]',
  },
} as const satisfies Record<string, Record<string, string>>;

export type ConfigurationName = keyof typeof CONFIGURATIONS;

/**
 * Runs the program.
 *
 * @param config the stack's configuration, by key without the project's name.
 */
export async function registerStack(
  config: Readonly<Record<string, string>>,
  stackName = "test",
): Promise<RegisteredStack> {
  const resources: Registered[] = [];
  const lookUps: string[] = [];
  const declared = new Map<string, { readonly taggable: boolean; readonly opts: pulumi.CustomResourceOptions }>();
  await pulumi.runtime.setMocks(
    {
      newResource: async ({ type, name, inputs, custom }) => {
        if (custom !== true) return { id: undefined, state: inputs };
        const { id, outputs } = create(type, name, inputs);
        const { taggable = false, opts } = declared.get(`${type} ${name}`) ?? {};
        resources.push({
          type,
          name,
          inputs: withoutSecrets(inputs),
          outputs: { ...withoutSecrets(outputs), id },
          ignoreChanges: opts?.ignoreChanges ?? [],
          retainOnDelete: opts?.retainOnDelete ?? false,
          deleteBeforeReplace: opts?.deleteBeforeReplace ?? false,
          replacementTrigger: await resolved(opts?.replacementTrigger),
          taggable,
        });
        return { id, state: outputs };
      },
      call: ({ token, inputs }) => {
        lookUps.push(token);
        return lookUp(token, inputs);
      },
    },
    PROJECT,
    stackName,
  );
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(config).map(([key, value]) => [`${PROJECT}:${key}`, value])),
  );
  vi.resetModules();
  // Other suites run the bundles; the rules need none.
  vi.doMock("../../build.ts", () => ({ buildBundles: async () => {} }));
  // Pulumi keeps the code of dynamic resources in the stack's state, and cannot keep what vitest makes of it.
  vi.doMock("../../components/mount-target-sweeper.ts", () => ({ MountTargetSweeper }));
  vi.doMock("../../components/generated-token.ts", () => ({ GeneratedToken }));
  const outputs = await pulumi.runtime.runInPulumiStack(async () => {
    pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) => {
      declared.set(`${type} ${name}`, { taggable: type.startsWith("aws:") && "tags" in props, opts });
      return undefined;
    });
    return { ...(await import("../../index.ts")) };
  });
  await pulumi.runtime.disconnect();
  return { resources, outputs: withoutSecrets(outputs ?? {}), lookUps };
}

function resolved(input: unknown): Promise<unknown> {
  return new Promise((resolve) => pulumi.output([input]).apply(([value]) => resolve(value)));
}

/** The values of secrets, in the clear: Pulumi wraps each in an object that it marks. */
function withoutSecrets(properties: Properties): Properties {
  return JSON.parse(JSON.stringify(properties), (_key, value: unknown) =>
    typeof value === "object" && value !== null && SECRET_MARK in value && "value" in value ? value.value : value,
  );
}

/** `specialSigKey` of the Pulumi SDK. */
const SECRET_MARK = "4dabf18193072939515e22adb298388d";

class GeneratedToken extends pulumi.CustomResource {
  declare readonly secretId: pulumi.Output<string>;

  constructor(name: string, args: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("pulumi-nodejs:dynamic/efs-mount-autoscaling:GeneratedToken", name, args, opts);
  }
}

class MountTargetSweeper extends pulumi.CustomResource {
  constructor(name: string, args: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super("pulumi-nodejs:dynamic/efs-mount-autoscaling:MountTargetSweeper", name, args, opts);
  }
}
