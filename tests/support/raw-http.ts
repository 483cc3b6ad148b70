/** HTTP as bytes: what no client library would send, and what came back for it. */
import { connect } from "node:net";

export interface RawResponse {
  /** All that the server sent, a character for each byte. */
  readonly text: string;
  /** Of the first response; undefined when there was none. */
  readonly status: number | undefined;
  /** The statuses of all responses, also of those that look like one within a body. */
  readonly statuses: readonly number[];
  /** Whether the server closed the connection in time. */
  readonly closed: boolean;
}

/**
 * Sends bytes over a connection of their own, and collects what comes until the server closes it.
 *
 * @param timeout Milliseconds to wait for that.
 */
export async function sendRaw(url: string, bytes: Buffer | string, timeout = 10_000): Promise<RawResponse> {
  const { port, hostname } = new URL(url);
  const chunks: Buffer[] = [];
  const closed = await new Promise<boolean>((resolve) => {
    const socket = connect(Number(port), hostname);
    const timer = setTimeout(() => {
      resolve(false);
      socket.destroy();
    }, timeout);
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    // Reset, or written to after it was closed: that is also an end.
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(true);
    });
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  });
  const text = Buffer.concat(chunks).toString("latin1");
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return { text, status: statuses[0], statuses, closed };
}
