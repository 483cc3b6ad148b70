/**
 * One API operation: parse the input, then a pure function of the account's state.
 */
import type { z } from "zod";
import type { AwsState } from "./state.ts";

/** What an operation needs besides state and input, given in so that runs can be repeated exactly. */
export interface Environment {
  readonly now: Date;
  /** A new unique identifier: `newId("fsmt-", 17)` is `fsmt-` and 17 hexadecimal digits. */
  readonly newId: (prefix: string, digits: number) => string;
  /** No response lists more than this, whatever its caller asks for or its API allows. */
  readonly maxPageSize: number;
}

export interface Outcome {
  readonly state: AwsState;
  /** The response, with the API's own names. Each protocol writes dates in its own form. */
  readonly output: object;
}

/** @throws {AwsError} the service's own error for a bad input or a state that forbids the operation. */
export type Operation = (state: AwsState, input: unknown, environment: Environment) => Outcome;

/** Makes an operation that only reads. */
type DefineQuery = <Input>(
  schema: z.ZodType<Input>,
  run: (state: AwsState, input: Input, environment: Environment) => object,
) => Operation;

/** Makes an operation that may change the account. */
type DefineCommand = <Input>(
  schema: z.ZodType<Input>,
  run: (state: AwsState, input: Input, environment: Environment) => Outcome,
) => Operation;

/**
 * The two makers of operations for a service.
 *
 * @param invalid turns what is wrong with an input into the service's own error.
 */
export function operationsOf(invalid: (problems: string) => Error): { query: DefineQuery; command: DefineCommand } {
  const command: DefineCommand = (schema, run) => (state, input, environment) => {
    const result = schema.safeParse(input);
    if (result.success) return run(state, result.data, environment);
    throw invalid(
      result.error.issues.map((issue) => `${issue.path.join(".") || "input"}: ${issue.message}`).join("; "),
    );
  };
  const query: DefineQuery = (schema, run) =>
    command(schema, (state, input, environment) => ({ state, output: run(state, input, environment) }));
  return { query, command };
}
