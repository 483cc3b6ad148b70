import type { AwsSession } from "./aws/session.ts";
import type { Deadline } from "./deadline.ts";
import type { Settings } from "./settings.ts";

/** What the steps of one run share. */
export interface Run {
  readonly settings: Settings;
  readonly aws: AwsSession;
  readonly deadline: Deadline;
  readonly log: Log;
}

/** The part of the Powertools logger that a run uses. */
export interface Log {
  info(message: string, fields: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
  error(message: string, fields: Readonly<Record<string, unknown>>): void;
}
