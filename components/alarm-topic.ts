import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { policyDocument } from "./policy.ts";

export interface AlarmTopicArgs {
  /** Who is told, once the address has confirmed. Default: nobody but the topic's own subscribers. */
  readonly email?: string | undefined;
}

/** The topic of everything that a person should know: alarms, failed deployments, failed runs of the monitor. */
export class AlarmTopic extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: AlarmTopicArgs, opts?: pulumi.ComponentResourceOptions) {
    super("efs-mount-autoscaling:index:AlarmTopic", name, {}, opts);

    const topic = new aws.sns.Topic(name, { displayName: "efs-mount-autoscaling" }, { parent: this });
    this.arn = topic.arn;
    this.#admitPublishers(name, topic);
    if (args.email !== undefined) this.#subscribe(name, topic, args.email);

    this.registerOutputs();
  }

  #admitPublishers(name: string, topic: aws.sns.Topic): void {
    const account = aws.getCallerIdentityOutput({}, { parent: this }).accountId;
    new aws.sns.TopicPolicy(
      name,
      {
        arn: topic.arn,
        policy: policyDocument([
          {
            Sid: "AllowAlarms",
            Effect: "Allow",
            Principal: { Service: "cloudwatch.amazonaws.com" },
            Action: "sns:Publish",
            Resource: topic.arn,
            Condition: { StringEquals: { "aws:SourceAccount": account } },
          },
          // With a condition, EventBridge would drop its events: it fulfils none in policies of topics (EventBridge user
          // guide, "Amazon SNS permissions").
          {
            Sid: "AllowEvents",
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Action: "sns:Publish",
            Resource: topic.arn,
          },
        ]),
      },
      { parent: this },
    );
  }

  #subscribe(name: string, topic: aws.sns.Topic, email: string): void {
    new aws.sns.TopicSubscription(name, { topic: topic.arn, protocol: "email", endpoint: email }, { parent: this });
  }
}
