/** What the operations of a COMPOUND have in common. */
import { SESSION_ID_SIZE, type StatusName, type XdrReader, type XdrWriter } from "nfs-client/wire";
import type { Compound } from "../compound.ts";
import type { ChangeInfo } from "../file-system/tree.ts";

/**
 * Reads its arguments, does its work, and only then writes its results to the compound's reply. It fails by throwing a
 * `StatusError`, a failure of the operating system or an `XdrError`; the few whose failures have results too write those
 * and return the status.
 */
export type Operation = (compound: Compound, args: XdrReader) => Outcome | Promise<Outcome>;

// biome-ignore lint/suspicious/noConfusingVoidType: most operations return nothing, which means success.
export type Outcome = void | StatusName;

/** Results of operations that change something, whose room in the reply is made sure of before they do. */
export const ResultSize = {
  CHANGE_INFO: 20,
  STATEID: 16,
  /** An open's stateid, change info, flags, attributes and delegation. */
  OPEN: 128,
  ATTRIBUTE_BITMAP: 16,
  SESSION: 128,
  SEQUENCE: SESSION_ID_SIZE + 5 * 4,
} as const;

export function writeChangeInfo(writer: XdrWriter, { before, after }: ChangeInfo): void {
  writer.bool(true).uint64(before).uint64(after);
}
