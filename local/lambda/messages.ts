/** The messages between a Lambda function and its execution environment: an event in, its outcome out. */
import { z } from "zod";

export const toHostSchema = z.object({
  requestId: z.string(),
  event: z.unknown(),
  /** When the invocation must have ended, in milliseconds since 1970. */
  deadline: z.number(),
});

export type ToHost = z.infer<typeof toHostSchema>;

export const invocationSchema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("returned"), payload: z.unknown() }),
  z.object({ outcome: z.literal("failed"), errorType: z.string(), errorMessage: z.string() }),
]);

/** How an invocation ended. */
export type Invocation = z.infer<typeof invocationSchema>;
