import * as z from "zod";

/** A parameter of the query: a whole number from 1 to `most`, in decimal digits and nothing else. */
export function wholeNumberUpTo(most: number) {
  const message = `must be a whole number from 1 to ${most}`;
  return z
    .string()
    .regex(/^\d+$/, message)
    .transform(Number)
    .pipe(z.number().min(1, message).max(most, message))
    .meta({ type: "integer", minimum: 1, maximum: most });
}
