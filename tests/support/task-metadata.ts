/** The task metadata endpoint of ECS, for tasks in any zone. */
import { once } from "node:events";
import { createServer } from "node:http";

export interface TaskMetadata {
  /** The value of `ECS_CONTAINER_METADATA_URI_V4` of a task in a zone. */
  uriIn(zone: string): string;
  close(): Promise<void>;
}

export async function startTaskMetadata(): Promise<TaskMetadata> {
  const server = createServer(({ url = "" }, response) => {
    const [, zone] = url.split("/");
    response.end(JSON.stringify({ AvailabilityZone: zone }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return {
    uriIn: (zone) => `http://127.0.0.1:${port}/${zone}`,
    close: async () => void server.close().closeAllConnections(),
  };
}
