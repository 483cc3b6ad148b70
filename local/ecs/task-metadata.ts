/**
 * The task metadata endpoint of ECS, version 4: what a task learns of itself.
 *
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html
 */
import { once } from "node:events";
import { createServer } from "node:http";

export interface TaskMetadata {
  /** The value of `ECS_CONTAINER_METADATA_URI_V4` in a task. */
  uri(taskId: string): string;
  close(): Promise<void>;
}

/** @param describe The response about a task; undefined where there is none of this id. */
export async function startTaskMetadata(describe: (taskId: string) => object | undefined): Promise<TaskMetadata> {
  const server = createServer(({ url = "" }, response) => {
    const [, , taskId = "", what] = url.split("/");
    const metadata = what === "task" ? describe(taskId) : undefined;
    response.writeHead(metadata === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(metadata ?? {}));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has no port");
  return {
    uri: (taskId) => `http://127.0.0.1:${address.port}/v4/${taskId}`,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
