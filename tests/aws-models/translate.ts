/**
 * From Pulumi's inputs to CloudFormation's properties, by one rule: `camelCase` becomes `PascalCase`, tags become a
 * list, and everything else stays what it is. `cloudformation-types.ts` has the exceptions of each type.
 */
import type { Properties } from "../infra/aws-stand-in.ts";
import type { Registered } from "../infra/stack.ts";

/** How the inputs of a type become CloudFormation's properties. */
export interface Translation {
  /** Example: `AWS::EC2::VPC`. */
  readonly type: string;
  /** The resource that this is a part of in CloudFormation, where it is none of its own. */
  readonly partOf?: PartOf;
  /** The input whose value Pulumi makes up from the resource's name, where the program gives none. Example: `name`. */
  readonly autoNamed?: string;
  /** Exceptions from the rule, by the path of the input without the indices of lists. Example: `rules.lifecycle`. */
  readonly properties?: Readonly<Record<string, Property>>;
  /** What CloudFormation has no property for, and why nothing is lost by that. */
  readonly leftOut?: Readonly<Record<string, string>>;
  /** What CloudFormation asks for and Pulumi does by itself. */
  readonly added?: Properties;
  /** The attributes that references name, by Pulumi's output of the same value. Example: `{ id: "Ref", arn: "Arn" }`. */
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface PartOf {
  /** The whole's type of Pulumi. Example: `aws:s3/bucket:Bucket`. */
  readonly type: string;
  /** The input that names the whole, and the whole's output that is the same. */
  readonly input: string;
  readonly output: string;
  /** The whole's property of which each part is an item. Default: the parts' properties are the whole's. */
  readonly itemOf?: string;
}

/** Where a property goes, and how it is written. */
export interface Property {
  /** The name, after those of properties that surround it; empty where what is inside takes its place. */
  readonly to: readonly string[];
  /** @param byRule writes a value by the general rule. */
  readonly write: (value: unknown, byRule: (value: unknown) => unknown) => unknown;
}

/** Another name, after those of properties that surround it, with dots. Example: `Metric.MetricName`. */
export const named = (name: string): Property => property(name, (value, byRule) => byRule(value));

/** What is inside takes its place. */
export const spread: Property = { to: [], write: (value, byRule) => byRule(value) };

/** Data, whose keys are not names of properties. */
export const asIs = (name: string): Property => property(name, (value) => value);

/** A JSON document, as text in Pulumi. */
export const document = (name: string): Property => property(name, (value) => JSON.parse(String(value)));

/** A JSON document, as text in CloudFormation too. */
export const text = (name: string): Property =>
  property(name, (value) => (typeof value === "string" ? value : JSON.stringify(value)));

/** A list with this one item. */
export const inList = (name: string): Property => property(name, (value, byRule) => [byRule(value)]);

/** The one item of this list. */
export const onlyItem = (name: string): Property => property(name, theItem(name));

/** What is inside of the one item of a list takes its place. */
export const spreadItem: Property = { to: [], write: theItem("A list that is spread") };

function theItem(name: string): Property["write"] {
  return (value, byRule) => {
    if (!Array.isArray(value) || value.length !== 1) throw new Error(`${name} must have one item in Pulumi`);
    return byRule(value[0]);
  };
}

/** A number as text. */
export const digits = (name: string): Property => property(name, String);

/** A map as a list of names and values. */
export const pairs = (name: string, key: "Name" | "Key"): Property =>
  property(name, (value) => entries(value).map(([each, its]) => ({ [key]: each, Value: its })));

/** One of a list of attributes, whose values are text. */
export const attribute = (name: string, key: string): Property =>
  property(name, (value) => [{ Key: key, Value: String(value) }]);

/** Another word for each value. Example: `{ true: "ENABLED", false: "DISABLED" }`. */
export const words = (name: string, byValue: Readonly<Record<string, string>>): Property =>
  property(name, (value) => byValue[String(value)] ?? value);

function property(name: string, write: Property["write"]): Property {
  return { to: name.split("."), write };
}

/**
 * The properties of a resource in CloudFormation.
 *
 * @param write what becomes of a text or number, such as a reference instead of an id. It does not get what is inside of
 * documents: a policy may name what depends on it, and CloudFormation allows no circles.
 */
export function propertiesOf(
  { inputs, outputs }: Registered,
  { properties = {}, leftOut = {}, added = {}, autoNamed, partOf }: Translation,
  write: (value: unknown) => unknown = (value) => value,
): Properties {
  const rules: Readonly<Record<string, Property>> = { tags: pairs("Tags", "Key"), ...properties };

  function byRule(value: unknown, path: string): unknown {
    if (Array.isArray(value)) return value.map((item) => byRule(item, path));
    if (typeof value !== "object" || value === null) return write(value);
    const target: Properties = {};
    for (const [key, its] of Object.entries(value)) {
      const itsPath = path === "" ? key : `${path}.${key}`;
      if (itsPath in leftOut || itsPath === partOf?.input) continue;
      const { to, write: writeIt } = rules[itsPath] ?? named(pascalCase(key));
      put(
        target,
        to,
        writeIt(its, (inner) => byRule(inner, itsPath)),
      );
    }
    return target;
  }

  const all = autoNamed === undefined ? inputs : { [autoNamed]: outputs.name, ...inputs };
  return { ...added, ...record(byRule(all, "")) };
}

/** Both; lists that are in both are continued. */
export function continued(properties: Properties, more: Properties): Properties {
  const target = { ...properties };
  put(target, [], more);
  return target;
}

/** Puts a value where it belongs; lists there are continued. */
function put(target: Properties, [name, ...inner]: readonly string[], value: unknown): void {
  if (name === undefined) {
    for (const [key, its] of entries(value)) put(target, [key], its);
  } else if (inner.length > 0) {
    const within = record(target[name] ?? {});
    put(within, inner, value);
    target[name] = within;
  } else if (Array.isArray(target[name]) && Array.isArray(value)) {
    target[name] = [...target[name], ...value];
  } else if (name in target) {
    throw new Error(`${name} is there twice`);
  } else {
    target[name] = value;
  }
}

function pascalCase(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function entries(value: unknown): [string, unknown][] {
  return Object.entries(record(value));
}

function record(value: unknown): Properties {
  if (typeof value !== "object" || value === null) throw new Error(`${JSON.stringify(value)} must be an object`);
  return { ...value };
}
