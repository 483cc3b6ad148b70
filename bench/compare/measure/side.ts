import type { Result } from "../lines.ts";

/** One way to the files. Names are relative to the directory of the comparison. */
export interface Side {
  readonly name: Result["side"];
  read(name: string): Promise<Buffer>;
  /** Durably, and so that nobody sees a part of it. */
  replace(name: string, content: Buffer): Promise<void>;
  close(): void;
}
