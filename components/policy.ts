import type * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";

/** Statements as the JSON text of an IAM policy. */
export function policyDocument(statements: readonly aws.iam.PolicyStatement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: "2012-10-17", Statement: statements });
}

/** A statement that refuses any call on `resources` that does not come over TLS. */
export function denyWithoutTls(resources: pulumi.Input<string>[]): aws.iam.PolicyStatement {
  return {
    Sid: "DenyWithoutTls",
    Effect: "Deny",
    Principal: { AWS: "*" },
    Action: "*",
    Resource: resources,
    Condition: { Bool: { "aws:SecureTransport": "false" } },
  };
}
