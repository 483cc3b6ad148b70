/** Checks the options of callers and the variables of the environment, and names each that is not allowed. */
import * as z from "zod";
import { FileError } from "./errors.ts";

/** The longest delay of a timer, in milliseconds. */
export const MAX_TIME = 2 ** 31 - 1;

export function numberFrom(from: number, to: number) {
  const message = `must be a number from ${from} to ${to}`;
  return z.number(message).min(from, message).max(to, message);
}

/** An object that has these options, and no others: a misspelled one is found in plain JavaScript, too. */
export function noOthers<Shape extends z.ZodRawShape>(shape: Shape, message = "must be an object") {
  const allowed = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: ({ code }) => (code === "unrecognized_keys" ? `is not an option; allowed are ${allowed}` : message),
  });
}

/**
 * @param failed What cannot be done with options that are not valid.
 * @throws {FileError} `EINVAL`; the message names each option that is not allowed, and what is.
 */
export function validOptions<Schema extends z.ZodType>(
  schema: Schema,
  values: unknown,
  failed: string,
): z.infer<Schema> {
  const { data, error } = schema.safeParse(values);
  if (error === undefined) return data;
  const problems = error.issues.flatMap((issue) => {
    const paths = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    return paths.map((path) => `${path.join(".")} ${issue.message}`.trimStart());
  });
  throw new FileError("EINVAL", `${failed}: ${problems.join("; ")}`, { cause: error });
}
