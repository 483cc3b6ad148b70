/** The task metadata endpoint of ECS, for tasks in any zone. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { Bench } from "../row.ts";

/** @returns the value of `ECS_CONTAINER_METADATA_URI_V4` of a task in a zone. */
export async function startTaskMetadata({ cleanups }: Pick<Bench, "cleanups">): Promise<(zone: string) => string> {
  const server = createServer(({ url = "" }, response) => {
    const [, zone] = url.split("/");
    response.end(JSON.stringify({ AvailabilityZone: zone }));
  }).listen(0, "127.0.0.1");
  cleanups.add(async () => void server.close());
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return (zone) => `http://127.0.0.1:${port}/${zone}`;
}
