/** The control planes of two regions at one address, with replication between them. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Call, type ControlPlane, type Fault, startControlPlane } from "../../local/control-plane/server.ts";
import type { AwsState } from "../../local/control-plane/state.ts";
import { findCommonPort } from "../../local/machine/loopback.ts";
import { proposeTo, startReplication } from "../../local/replication/replication.ts";

const HOST = "127.0.0.1";

export interface TwoRegions {
  /** For `AWS_ENDPOINT_URL`. Calls go to the region that they are signed for. */
  readonly url: string;
  /** By name. */
  readonly controlPlanes: ReadonlyMap<string, ControlPlane>;
  /** Takes a region off the net: calls of it are not answered, and it hears of nothing. */
  lose(region: string): Promise<void>;
  close(): Promise<void>;
}

/** What goes wrong with a call in a region. */
export type RegionalFault = (region: string, call: Call) => Fault | undefined;

/** Starts a control plane with each state, in the region that the state is of. */
export async function startTwoRegions(
  states: readonly [AwsState, AwsState],
  faultOf: RegionalFault = () => undefined,
): Promise<TwoRegions> {
  const home = await mkdtemp(join(tmpdir(), "two-regions-"));
  const ports = await Promise.all(states.map(() => findCommonPort([HOST])));
  const urls = Object.fromEntries(states.map(({ region }, index) => [region, `http://${HOST}:${ports[index]}`]));
  const controlPlanes = new Map<string, ControlPlane>();
  const stops = new Map<string, () => Promise<void>>();
  for (const [index, state] of states.entries()) {
    const controlPlane = await startControlPlane({
      state,
      mountTargetDeletionDelay: 100,
      onCall: (call) => faultOf(state.region, call),
      proposeReplication: (proposal) => proposeTo(urls, proposal),
    });
    const directoriesOf = (id: string) => ({
      root: join(home, state.region, id),
      staging: join(home, state.region, `${id}.incomplete`),
    });
    await Promise.all(
      state.fileSystems.map(({ fileSystemId }) => mkdir(directoriesOf(fileSystemId).root, { recursive: true })),
    );
    const replication = await startReplication({
      controlPlane,
      port: ports[index] ?? 0,
      regions: urls,
      syncInterval: 50,
      deletionDelay: 0,
      directoriesOf,
      setReadOnly: async () => {},
      onError: (error) => console.error(error),
    });
    controlPlanes.set(state.region, controlPlane);
    stops.set(state.region, async () => {
      stops.delete(state.region);
      await replication.close();
      await controlPlane.close();
    });
  }
  const front = await startFront((region) => controlPlanes.get(region)?.url);
  return {
    url: front.url,
    controlPlanes,
    lose: async (region) => stops.get(region)?.(),
    close: async () => {
      await front.close();
      await Promise.all([...stops.values()].map((stop) => stop()));
      await rm(home, { recursive: true });
    },
  };
}

/** Passes each request on to the region in its signature: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`. */
async function startFront(urlOf: (region: string) => string | undefined) {
  const server = createServer((incoming, response) => {
    const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(incoming.headers.authorization ?? "")?.[1] ?? "";
    const onward = request(`${urlOf(region)}${incoming.url}`, { method: incoming.method, headers: incoming.headers });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  });
  const port = await findCommonPort([HOST]);
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve));
  return {
    url: `http://${HOST}:${port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
