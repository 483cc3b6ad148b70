/** Where the lines go that tasks and functions print: the one seam between what runs and who reads its logs. */
import type { Stream } from "../machine/process.ts";

export interface LogLine {
  /** Who printed it: `router/1a2b3c4d`, `file-monitor`. */
  readonly source: string;
  readonly stream: Stream;
  readonly text: string;
}

export type LogSink = (line: LogLine) => void;
