/** What becomes of a request: a reply, or none. */
import { OutcomeUnknownError } from "../errors.ts";
import type { CompoundReply } from "../wire/compound.ts";

/** Why no reply to a request can come, and what an error says then. */
export const LOSSES = {
  "connection-lost": "the connection was lost",
  "session-lost": "the session was lost",
  "reply-lost": "the connection was lost, and the server did not keep the reply",
} as const;

/** What became of a request. `executed: "perhaps"`: nobody can tell. */
export type Outcome =
  | { readonly kind: "answered"; readonly reply: CompoundReply }
  | { readonly kind: "lost"; readonly executed: "no" | "perhaps"; readonly why: keyof typeof LOSSES };

export function outcomeUnknown(why: string, cause?: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError(`The operation may or may not have been done: ${why}`, { cause });
}
