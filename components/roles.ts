import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { policyDocument } from "./policy.ts";

export interface RolesArgs {
  /** Whether there is a task for maintenance. */
  readonly maintenance: boolean;
}

/**
 * The IAM roles of the stack. Each component attaches what its role may do; the roles are created first, so that
 * resource policies can name them.
 */
export class Roles extends pulumi.ComponentResource {
  /** The file monitor's function. */
  readonly monitor: aws.iam.Role;
  /** The routers and their sidecar: what runs in the tasks. */
  readonly task: aws.iam.Role;
  /** ECS itself, when it starts the tasks: pulls images, opens log streams. */
  readonly execution: aws.iam.Role;
  /** The same two for the maintenance task. */
  readonly maintenance: { readonly task: aws.iam.Role; readonly execution: aws.iam.Role } | undefined;
  readonly #name: string;

  constructor(name: string, { maintenance }: RolesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:Roles", name, {}, opts);
    this.#name = name;

    this.monitor = this.#role("file-monitor", "Runs the file monitor", "lambda.amazonaws.com");
    this.task = this.#role("router-task", "Runs in the router's tasks", "ecs-tasks.amazonaws.com");
    this.execution = this.#role("router-execution", "Starts the router's tasks", "ecs-tasks.amazonaws.com");
    this.maintenance = maintenance
      ? {
          task: this.#role("maintenance-task", "Runs in the maintenance task", "ecs-tasks.amazonaws.com"),
          execution: this.#role("maintenance-execution", "Starts the maintenance task", "ecs-tasks.amazonaws.com"),
        }
      : undefined;

    this.registerOutputs();
  }

  #role(name: string, description: string, service: string): aws.iam.Role {
    return new aws.iam.Role(
      `${this.#name}-${name}`,
      {
        description,
        assumeRolePolicy: policyDocument([
          { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" },
        ]),
      },
      { parent: this },
    );
  }
}
