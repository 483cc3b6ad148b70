import * as pulumi from "@pulumi/pulumi";

/**
 * Puts tags on every AWS resource that the stack makes from now on. Tags that a resource has of its own stay.
 *
 * A resource class hands all of its type's inputs to the transformation, also those that are not set, so `tags` is
 * among them exactly where AWS can tag the resource.
 *
 * @param tags example: `{ Project: "efs-mount-autoscaling", Stack: "dev", Owner: "operations" }`.
 */
export function tagAwsResources(tags: Readonly<Record<string, string>>): void {
  pulumi.runtime.registerStackTransformation(({ type, props, opts }) => {
    if (!type.startsWith("aws:") || !("tags" in props)) return undefined;
    return { props: { ...props, tags: pulumi.output(props.tags).apply((own) => ({ ...tags, ...own })) }, opts };
  });
}
