import { NO_MONITOR_STATUS } from "@efs-mount-autoscaling/mount-table/monitor-status";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { handedOver } from "./handed-over-parameter.ts";

export interface MonitorStatusArgs {
  /** The path of the mount table's parameter; this one's is the same with `.status`. */
  readonly tableParameterName: string;
}

/** The SSM parameter in which the monitor says what its last run saw and did, for the routers' status page. */
export class MonitorStatusParameter extends pulumi.ComponentResource {
  readonly parameterName: pulumi.Output<string>;
  readonly parameterArn: pulumi.Output<string>;

  constructor(name: string, args: MonitorStatusArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:MonitorStatus", name, {}, opts);

    const parameter = new aws.ssm.Parameter(
      name,
      {
        name: `${args.tableParameterName}.status`,
        description: "What the last run of the file monitor saw and did, for the status page",
        type: "String",
        value: NO_MONITOR_STATUS,
      },
      { parent: this, ...handedOver() },
    );
    this.parameterName = parameter.name;
    this.parameterArn = parameter.arn;

    this.registerOutputs();
  }
}
