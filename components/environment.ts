import type * as pulumi from "@pulumi/pulumi";
import type * as z from "zod";

/**
 * The environment that a runtime's schema reads, as the stack sets it: a name that the schema does not have does not
 * compile, nor does the lack of one that it needs. Numbers become text; a variable that is `undefined` is left out.
 */
export type Environment<Schema extends z.ZodType> = {
  readonly [Name in keyof z.input<Schema>]:
    | Value<NonNullable<z.input<Schema>[Name]>>
    | (undefined extends z.input<Schema>[Name] ? undefined : never);
};

/** The text that a schema takes, or a number where that is any text. */
type Value<Text> = pulumi.Input<Text> | (string extends Text ? number : never);

/** As {@link variablesOf}, in the form of a container definition. */
export function containerVariables(
  environment: Readonly<Record<string, pulumi.Input<string> | number | undefined>>,
): { readonly name: string; readonly value: pulumi.Input<string> }[] {
  return Object.entries(variablesOf(environment)).map(([name, value]) => ({ name, value }));
}

/** The variables by name, as text. */
export function variablesOf(
  environment: Readonly<Record<string, pulumi.Input<string> | number | undefined>>,
): Record<string, pulumi.Input<string>> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === "number" ? String(value) : value]],
    ),
  );
}
