import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { policyDocument } from "./policy.ts";

/** AWS's own policies for what AWS Backup does with its role. */
const SERVICE_POLICIES = [
  "service-role/AWSBackupServiceRolePolicyForBackup",
  "service-role/AWSBackupServiceRolePolicyForRestores",
] as const;

export interface BackupArgs {
  readonly fileSystemArn: pulumi.Input<string>;
  /** The time zone of the schedule. Example: `Asia/Tokyo`. */
  readonly timeZone: string;
  /** Days that backups are kept. Example: 30. */
  readonly retentionDays: number;
  /** The backups' KMS key. Default: the AWS-managed key of AWS Backup. */
  readonly kmsKeyArn?: string | undefined;
  /** Another region, which gets a copy of every backup. Default: none does. Example: `ap-northeast-3`. */
  readonly copyRegion?: string | undefined;
  /** The copies' KMS key. Default: the AWS-managed key of AWS Backup. */
  readonly copyKmsKeyArn?: string | undefined;
  /** Leave vault and backups in the account when they leave the stack; else they are deleted. */
  readonly retain: boolean;
}

/** A backup of the file system every night at 03:00, which starts within an hour and has eight hours to finish. */
export class Backup extends pulumi.ComponentResource {
  readonly vaultName: pulumi.Output<string>;
  readonly vaultArn: pulumi.Output<string>;
  /** Where the copies are. */
  readonly copyVaultName: pulumi.Output<string> | undefined;
  /** The role that backs up, and that a restore needs. */
  readonly roleArn: pulumi.Output<string>;
  readonly #name: string;

  constructor(name: string, args: BackupArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Backup", name, {}, opts);
    this.#name = name;

    const vault = this.#createVault(args);
    const copyVault = this.#createCopyVault(args);
    const role = this.#createRole();
    const plan = this.#planNights(args, vault, copyVault);
    this.#selectFileSystem(args, plan, role);
    this.vaultName = vault.name;
    this.vaultArn = vault.arn;
    this.copyVaultName = copyVault?.name;
    this.roleArn = role.arn;

    this.registerOutputs();
  }

  #createVault({ kmsKeyArn, retain }: BackupArgs): aws.backup.Vault {
    return new aws.backup.Vault(
      `${this.#name}-files`,
      { ...(kmsKeyArn === undefined ? {} : { kmsKeyArn }), forceDestroy: !retain },
      { parent: this, retainOnDelete: retain },
    );
  }

  #createCopyVault({ copyRegion, copyKmsKeyArn, retain }: BackupArgs): aws.backup.Vault | undefined {
    if (copyRegion === undefined) return undefined;
    return new aws.backup.Vault(
      `${this.#name}-copies`,
      {
        region: copyRegion,
        ...(copyKmsKeyArn === undefined ? {} : { kmsKeyArn: copyKmsKeyArn }),
        forceDestroy: !retain,
      },
      { parent: this, retainOnDelete: retain },
    );
  }

  #createRole(): aws.iam.Role {
    const role = new aws.iam.Role(
      this.#name,
      {
        description: "Backs up and restores the file system",
        assumeRolePolicy: policyDocument([
          { Effect: "Allow", Principal: { Service: "backup.amazonaws.com" }, Action: "sts:AssumeRole" },
        ]),
      },
      { parent: this },
    );
    const { partition } = aws.getPartitionOutput({}, { parent: this });
    for (const policy of SERVICE_POLICIES) {
      new aws.iam.RolePolicyAttachment(
        `${this.#name}-${policy.replace("service-role/AWSBackupServiceRolePolicyFor", "").toLowerCase()}`,
        { role: role.name, policyArn: pulumi.interpolate`arn:${partition}:iam::aws:policy/${policy}` },
        { parent: this },
      );
    }
    return role;
  }

  #planNights(
    { timeZone, retentionDays }: BackupArgs,
    vault: aws.backup.Vault,
    copyVault: aws.backup.Vault | undefined,
  ): aws.backup.Plan {
    const lifecycle = { deleteAfter: retentionDays };
    return new aws.backup.Plan(
      `${this.#name}-nightly`,
      {
        rules: [
          {
            ruleName: "nightly",
            targetVaultName: vault.name,
            schedule: "cron(0 3 * * ? *)",
            scheduleExpressionTimezone: timeZone,
            startWindow: 60,
            completionWindow: 480,
            lifecycle,
            ...(copyVault === undefined ? {} : { copyActions: [{ destinationVaultArn: copyVault.arn, lifecycle }] }),
          },
        ],
      },
      { parent: this },
    );
  }

  #selectFileSystem({ fileSystemArn }: BackupArgs, plan: aws.backup.Plan, role: aws.iam.Role): void {
    new aws.backup.Selection(
      `${this.#name}-files`,
      { planId: plan.id, iamRoleArn: role.arn, resources: [fileSystemArn] },
      { parent: this },
    );
  }
}
