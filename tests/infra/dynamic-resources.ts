/** The stack's dynamic resources, as they are where no engine runs their code. */
import * as pulumi from "@pulumi/pulumi";

/** Their types, by the file of each in `components`. */
export const DYNAMIC_RESOURCES = {
  "shared-log-group": "SharedLogGroup",
  "file-system-settings": "FileSystemSettings",
  "generated-token": "GeneratedToken",
  "mount-target-sweeper": "MountTargetSweeper",
  replica: "Replica",
  "role-follower": "RoleFollower",
  "task-stopper": "TaskStopper",
};

/** A class to register a dynamic resource with, without its code. */
export function dynamicResource(type: string) {
  return class extends pulumi.CustomResource {
    constructor(name: string, args: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
      super(`pulumi-nodejs:dynamic/efs-mount-autoscaling:${type}`, name, args, opts);
    }
  };
}
