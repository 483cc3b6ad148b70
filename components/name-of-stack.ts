import { createHash } from "node:crypto";

/** What AWS takes as a name. */
export interface NameLimits {
  /** What stands between the words, and in place of a character that is not allowed. */
  readonly joint: "-" | "_";
  /** Finds each character that is not allowed. Example: `/[^A-Za-z0-9_]/g`. */
  readonly forbidden: RegExp;
  readonly maxLength: number;
}

/** Hexadecimal digits that tell two stacks apart whose names would be the same. */
const DIGITS = 8;

/**
 * A name in AWS that no other stack of the project has. AWS takes a second cluster, dashboard or task definition of one
 * name for the first one, and refuses none.
 *
 * @returns `PROJECT-STACK`; with digits behind it where AWS does not take the stack's name as it is.
 */
export function nameOfStack(project: string, stack: string, { joint, forbidden, maxLength }: NameLimits): string {
  const name = [project, stack].map((word) => word.replaceAll(forbidden, joint)).join(joint);
  if (name.length <= maxLength && stack.replaceAll(forbidden, joint) === stack) return name;
  const digits = createHash("sha256").update(`${project}/${stack}`).digest("hex").slice(0, DIGITS);
  return `${name.slice(0, maxLength - DIGITS - joint.length)}${joint}${digits}`;
}
