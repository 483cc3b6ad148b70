/**
 * A container's output on its way to the log router, as the container runtime sends it: one message a line, no
 * acknowledgement, lines over 16 KiB in pieces.
 *
 * Source: moby, daemon/logger/fluentd and daemon/logger/copier.go.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { FluentClient, type FluentSocketOptions } from "@fluent-org/logger";
import type { Stream } from "../machine/process.ts";

interface LogDriverOptions {
  /** A Unix socket's `path`, or `host` and `port`. */
  readonly address: Pick<FluentSocketOptions, "path" | "host" | "port">;
  readonly containerName: string;
  /** The last part of the task's ARN. */
  readonly taskId: string;
}

export interface LogDriver {
  write(line: string, stream: Stream, time?: Date): void;
  /** Sends what is waiting, at most for `timeout` milliseconds. */
  close(timeout: number): Promise<void>;
}

const MAX_PIECE = 16 * 1024;
/**
 * Lines kept while the log router reads none: what the runtime keeps where the task definition does not say
 * `log-driver-buffer-limit`. The stack says less, to fit into the memory of its tasks; this machine has enough.
 */
const BUFFER_LIMIT = 1_048_576;

/** Connects to the log router. */
export async function openLogDriver({ address, containerName, taskId }: LogDriverOptions): Promise<LogDriver> {
  const client = new FluentClient(`${containerName}-firelens-${taskId}`, {
    eventMode: "Message",
    milliseconds: true,
    disableAutoconnect: true,
    sendQueueMaxLimit: { length: BUFFER_LIMIT },
    socket: { ...address },
  });
  await client.connect();
  const container = { container_id: `${taskId}-0000000001`, container_name: containerName };
  const send = (record: Record<string, string>, time: Date) => {
    client.emit(record, time).catch(() => {}); // Dropped when the buffer is full, as the runtime does.
  };
  return {
    write: (line, stream, time = new Date()) => {
      const pieces = split(Buffer.from(line));
      const id = randomUUID();
      pieces.forEach((log, index) => {
        const part = {
          partial_message: "true",
          partial_id: id,
          partial_ordinal: String(index + 1),
          partial_last: String(index === pieces.length - 1),
        };
        send({ ...container, source: stream, log, ...(pieces.length === 1 ? {} : part) }, time);
      });
    },
    close: async (timeout) => {
      await Promise.race([client.waitForPending(), sleep(timeout, undefined, { ref: false })]);
      await client.shutdown();
    },
  };
}

/** In pieces of at most 16 KiB, none of which ends inside a character. */
function split(line: Buffer): string[] {
  const pieces: string[] = [];
  let start = 0;
  do {
    let end = Math.min(start + MAX_PIECE, line.length);
    while (end < line.length && ((line[end] ?? 0) & 0xc0) === 0x80) end--;
    pieces.push(line.subarray(start, end).toString());
    start = end;
  } while (start < line.length);
  return pieces;
}
