/** A client of the file API. It never retries, so that every request that fails shows. */
import { Agent, type IncomingMessage, request } from "node:http";

/** A request without a response, or with one that is not a success. */
export class RequestError extends Error {
  override readonly name = "RequestError";
}

export interface FileClient {
  get(path: string): Promise<Buffer>;
  put(path: string, body: Buffer): Promise<void>;
  delete(path: string): Promise<void>;
  close(): void;
}

const TIMEOUT = 30_000;

/** @throws {RequestError} from `get`, `put` and `delete`. */
export function createFileClient(url: string): FileClient {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true });

  function send(method: string, path: string, body?: Buffer): Promise<Buffer> {
    const target = `/files/${path.split("/").map(encodeURIComponent).join("/")}`;
    const headers = body === undefined ? {} : { "content-length": body.length };
    return new Promise((resolve, reject) => {
      const fail = (reason: string, cause?: Error) =>
        reject(new RequestError(`${method} ${target}: ${reason}`, { cause }));
      const outgoing = request({ hostname, port, method, path: target, headers, agent, timeout: TIMEOUT });
      outgoing.on("timeout", () => outgoing.destroy(new Error(`no response for ${TIMEOUT / 1000} s`)));
      outgoing.on("error", (error) => fail(error.message, error));
      outgoing.on("response", (response) => {
        read(response).then(
          (content) =>
            response.statusCode !== undefined && response.statusCode < 300
              ? resolve(content)
              : fail(`status ${response.statusCode}: ${content.toString().slice(0, 200)}`),
          (error) => fail(String(error), error),
        );
      });
      outgoing.end(body);
    });
  }

  return {
    get: (path) => send("GET", path),
    put: async (path, body) => {
      await send("PUT", path, body);
    },
    delete: async (path) => {
      await send("DELETE", path);
    },
    close: () => agent.destroy(),
  };
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks);
}
