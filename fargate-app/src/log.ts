/** The log: a line of JSON for each event, with the level's name in capitals. */
import pino, { type DestinationStream, type Logger } from "pino";

/** Is written to at once, so that no line is lost when the process ends. */
export function standardOutput(): DestinationStream {
  return pino.destination({ fd: 1, sync: true });
}

export function createLog(destination = standardOutput()): Logger {
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
    },
    destination,
  );
}
