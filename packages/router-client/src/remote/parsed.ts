import type * as z from "zod";
import { FileError } from "../errors.ts";

/** Text of JSON, as the router sends it. @throws {FileError} `EIO` for anything else. */
export function parsed<Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema> {
  return checked(schema, json(text));
}

/** As {@link parsed}, of what is parsed already. */
export function checked<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw notOfTheRouter(result.error.message, { cause: result.error });
}

/** Something else answered than a router that this version knows. */
export function notOfTheRouter(reason: string, options?: ErrorOptions): FileError {
  return new FileError("EIO", `The response is not one of the router: ${reason}`, options);
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notOfTheRouter("it is not JSON", { cause });
  }
}
