/** Schemas of what handlers parse or send themselves. */
import * as z from "zod";

/** Describes a body in the API's document, and validates nothing: neither streams nor lines of JSON are one value. */
export function inDocument(schema: z.ZodType) {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io: "input" });
  return z.any().meta(described);
}
