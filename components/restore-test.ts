import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Backup } from "./backup.ts";
import { type NameLimits, nameOfStack } from "./name-of-stack.ts";

/** RestoreTestingPlanForCreate, AWS Backup API reference. */
export const PLAN_NAME: NameLimits = { joint: "_", forbidden: /[^A-Za-z0-9_]/g, maxLength: 50 };

/** When the tests begin: a day after a backup at the latest. */
const SCHEDULES = {
  weekly: "cron(0 12 ? * SUN *)",
  monthly: "cron(0 12 1 * ? *)",
} as const;

/** Days that the newest backup may be old. */
const MAX_AGE_DAYS = 7;

/** Hours that the restored file system is kept, to be looked at. */
const KEEP_HOURS = 24;

export interface RestoreTestArgs {
  readonly every: keyof typeof SCHEDULES;
  /** The time zone of the schedule. Example: `Asia/Tokyo`. */
  readonly timeZone: string;
  readonly fileSystemArn: pulumi.Input<string>;
  /** What is tested. Its role restores. */
  readonly backup: Backup;
}

/** Restores the newest backup into a file system of its own, which AWS Backup deletes when it has been there for a day. */
export class RestoreTest extends pulumi.ComponentResource {
  constructor(name: string, args: RestoreTestArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:RestoreTest", name, {}, opts);

    const plan = new aws.backup.RestoreTestingPlan(
      name,
      {
        // Pulumi would put a hyphen in.
        name: nameOfStack(pulumi.getProject(), pulumi.getStack(), PLAN_NAME),
        scheduleExpression: SCHEDULES[args.every],
        scheduleExpressionTimezone: args.timeZone,
        startWindowHours: 1,
        recoveryPointSelection: {
          algorithm: "LATEST_WITHIN_WINDOW",
          includeVaults: [args.backup.vaultArn],
          recoveryPointTypes: ["SNAPSHOT"],
          selectionWindowDays: MAX_AGE_DAYS,
        },
      },
      { parent: this },
    );
    new aws.backup.RestoreTestingSelection(
      name,
      {
        name: "files",
        restoreTestingPlanName: plan.name,
        protectedResourceType: "EFS",
        protectedResourceArns: [args.fileSystemArn],
        iamRoleArn: args.backup.roleArn,
        validationWindowHours: KEEP_HOURS,
      },
      {
        parent: this,
        // A new role can be assumed once the backup's own selection, which AWS's provider retries, is there.
        dependsOn: [args.backup],
        // AWS's provider says that it has changed them, and sends nothing (hashicorp/terraform-provider-aws#48316).
        replaceOnChanges: ["protectedResourceArns"],
        // The new one has the old one's name.
        deleteBeforeReplace: true,
      },
    );

    this.registerOutputs();
  }
}
