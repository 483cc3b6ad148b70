/** Clients of the file API that check what they read. */

export interface HttpLoadResult {
  /** Requests that failed, and reads of something that was not written. */
  readonly failures: readonly string[];
  readonly requests: number;
  /** Milliseconds. */
  readonly slowest: number;
}

/** Starts clients that write and read files of their own until they are told to stop. */
export function startHttpLoad(url: string, clientCount: number): { stop(): Promise<HttpLoadResult> } {
  const failures: string[] = [];
  let requests = 0;
  let slowest = 0;
  let stopping = false;

  async function attempt(path: string, init?: RequestInit): Promise<string> {
    const begin = performance.now();
    requests += 1;
    try {
      const response = await fetch(`${url}/files/${path}`, init);
      const body = await response.text();
      if (!response.ok) failures.push(`${init?.method ?? "GET"} ${path}: ${response.status} ${body}`);
      return body;
    } catch (error) {
      failures.push(`${init?.method ?? "GET"} ${path}: ${error}`);
      return "";
    } finally {
      slowest = Math.max(slowest, performance.now() - begin);
    }
  }

  async function client(id: number): Promise<void> {
    for (let round = 0; !stopping; round++) {
      const path = `client-${id}/file-${round % 10}`;
      const content = `${id} ${round}`;
      await attempt(path, { method: "PUT", body: content });
      const read = await attempt(path);
      if (read !== content) failures.push(`${path} is ${read}, not ${content}`);
    }
  }

  const running = Promise.all(Array.from({ length: clientCount }, (_, id) => client(id)));
  return {
    async stop() {
      stopping = true;
      await running;
      return { failures, requests, slowest };
    },
  };
}
