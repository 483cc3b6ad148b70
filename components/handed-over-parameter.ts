import type * as pulumi from "@pulumi/pulumi";

/** What AWS's provider can change of a parameter in place, and this stack sets. */
const CHANGEABLE = ["description", "type", "keyId", "value"] as const;

/**
 * Options of an SSM parameter of which the stack writes the first value, and another program every later one.
 *
 * With whatever it changes in place, AWS's provider also writes the value that Pulumi knows (`PutParameter` needs one),
 * and that is the first one. So nothing of such a parameter is changed in place: tags are another call.
 *
 * @param replaceOnChanges what makes it another parameter, with a first value. The rest stays as it was made.
 */
export function handedOver(
  replaceOnChanges: readonly Exclude<(typeof CHANGEABLE)[number], "value">[] = [],
): pulumi.CustomResourceOptions {
  return {
    ignoreChanges: CHANGEABLE.filter((input) => !replaceOnChanges.some((each) => each === input)),
    replaceOnChanges: [...replaceOnChanges],
    // The new one may have the old one's name.
    deleteBeforeReplace: true,
  };
}
