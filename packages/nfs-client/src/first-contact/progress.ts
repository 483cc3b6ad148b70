/** A progress bar on a terminal; nothing anywhere else. */
import type { WriteStream } from "node:tty";

export interface ProgressBar {
  /** @param fraction from 0 to 1. */
  readonly show: (fraction: number, step: string) => void;
  readonly clear: () => void;
}

const BAR_WIDTH = 30;
const ERASE_LINE = "\r\u001b[K";

export function progressBar(stream: Pick<WriteStream, "isTTY" | "columns" | "write">): ProgressBar {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} };
  return {
    show(fraction, step) {
      const done = Math.round(fraction * BAR_WIDTH);
      const percent = `${Math.floor(fraction * 100)}`.padStart(3);
      const text = `[${"#".repeat(done)}${".".repeat(BAR_WIDTH - done)}] ${percent} %  ${step}`;
      stream.write(`${ERASE_LINE}${text.slice(0, stream.columns - 1)}`);
    },
    clear: () => void stream.write(ERASE_LINE),
  };
}
