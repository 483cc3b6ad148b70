/** What the router sends, as text and as JSON. */
import type * as z from "zod";
import { FileError } from "../errors.ts";

/** Characters of a line, at most: a batch's read of 1 MiB in base64, and what is around it. */
const MAX_LINE = 2 ** 21;

/**
 * The lines of UTF-8 text, without their ends; also the last one, where it has none.
 *
 * @throws {FileError} `EIO` for one that is too long.
 */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let line = "";
  for await (const chunk of bytes) {
    const [end = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    line += end;
    for (const other of others) {
      yield line;
      line = other;
    }
    if (line.length > MAX_LINE)
      throw new FileError("EIO", `A line of the response has more than ${MAX_LINE} characters`);
  }
  if (line !== "") yield line;
}

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
