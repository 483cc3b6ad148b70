/** The stack as a CloudFormation template, for checkers of those. */
import type { Properties } from "../infra/aws-stand-in.ts";
import type { Registered } from "../infra/stack.ts";
import { CLOUDFORMATION_TYPES, NOT_OF_AWS } from "./cloudformation-types.ts";
import { continued, type PartOf, propertiesOf, type Translation } from "./translate.ts";

export interface Template {
  readonly AWSTemplateFormatVersion: "2010-09-09";
  readonly Resources: Readonly<Record<string, TemplateResource>>;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties: Properties;
}

/** A resource of AWS, and how it is translated. */
export interface Translated {
  readonly resource: Registered;
  readonly translation: Translation;
}

/**
 * The resources that are AWS's.
 *
 * @throws when a type is in neither table of `cloudformation-types.ts`.
 */
export function translated(resources: readonly Registered[]): Translated[] {
  return resources.flatMap((resource) => {
    if (resource.type in NOT_OF_AWS) return [];
    const translation = CLOUDFORMATION_TYPES[resource.type];
    if (translation === undefined) {
      throw new Error(`${resource.type} needs an entry in tests/aws-models/cloudformation-types.ts`);
    }
    return [{ resource, translation }];
  });
}

/**
 * The template of what a stack registers. Where a value is another resource's id or ARN, the template refers to that
 * resource, so that checkers can follow.
 */
export function templateOf(resources: readonly Registered[]): Template {
  const all = translated(resources);
  const references = new Map(all.flatMap(referencesTo));
  const referFrom = (id: string) => (value: unknown) => {
    const reference = references.get(value);
    return reference === undefined || reference.to === id ? value : reference.expression;
  };
  const template: Record<string, TemplateResource> = {};
  for (const { resource, translation } of all) {
    const { type, partOf } = translation;
    // A part of what is not the stack's own, such as an existing file system, stands for the whole.
    const id = logicalId((partOf && wholeOf(resource, partOf, resources)) ?? resource);
    const properties = propertiesOf(resource, translation, referFrom(id));
    const own = partOf?.itemOf === undefined ? properties : { [partOf.itemOf]: [properties] };
    template[id] = { Type: type, Properties: continued(template[id]?.Properties ?? {}, own) };
  }
  return { AWSTemplateFormatVersion: "2010-09-09", Resources: template };
}

function wholeOf(
  part: Registered,
  { type, input, output }: PartOf,
  all: readonly Registered[],
): Registered | undefined {
  return all.find((resource) => resource.type === type && resource.outputs[output] === part.inputs[input]);
}

/** What a template has instead of a resource's id or ARN. */
interface Reference {
  /** The resource's name in the template. */
  readonly to: string;
  readonly expression: Properties;
}

/** The references to a resource, each by the value that it stands for. */
function referencesTo({ resource, translation: { attributes = {} } }: Translated): [unknown, Reference][] {
  const to = logicalId(resource);
  return Object.entries(attributes).map(([output, attribute]) => [
    resource.outputs[output],
    { to, expression: attribute === "Ref" ? { Ref: to } : { "Fn::GetAtt": [to, attribute] } },
  ]);
}

/** The resource's name in the template. Example: `SubnetPrivate1` for `aws:ec2/subnet:Subnet` of the name `private-1`. */
export function logicalId({ type, name }: Pick<Registered, "type" | "name">): string {
  const words = [type.split(":").at(-1) ?? "", ...name.split(/[^A-Za-z0-9]+/)];
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}
