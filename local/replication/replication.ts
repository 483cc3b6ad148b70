/**
 * What EFS does by itself with the replications of a region: it carries the files of those that begin here, deletes
 * those that are to be deleted, and keeps the mount targets of destinations read-only.
 *
 * Level-triggered: after every change of the account it compares what there should be with what runs.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AwsError } from "../control-plane/aws-error.ts";
import { isReadOnly } from "../control-plane/efs-file-systems.ts";
import { changeReplication, forgetReplication, type Proposal } from "../control-plane/efs-replication.ts";
import { replicationSchema } from "../control-plane/saved-account.ts";
import type { ControlPlane } from "../control-plane/server.ts";
import type { AwsState, Replication } from "../control-plane/state.ts";
import { Carrier } from "./carrier.ts";
import { callRegion, RegionUnreachableError, RemoteReplica } from "./region-client.ts";
import { type RegionServer, startRegionServer } from "./region-server.ts";

export interface ReplicationOptions {
  readonly controlPlane: Pick<ControlPlane, "run" | "state" | "update" | "subscribe">;
  /** The port for other regions. */
  readonly port: number;
  /** The URLs of other regions, by their names. */
  readonly regions: Readonly<Record<string, string>>;
  /** Milliseconds from the start of one sync to that of the next: how old the destination may be, and a sync's duration. */
  readonly syncInterval: number;
  /** Milliseconds that a deletion takes at least. */
  readonly deletionDelay: number;
  readonly directoriesOf: (fileSystemId: string) => { readonly root: string; readonly staging: string };
  /** Has all mount targets of a file system refuse changes, or take them again. */
  readonly setReadOnly: (fileSystemId: string, readOnly: boolean) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

export interface RunningReplication {
  readonly url: string;
  close(): Promise<void>;
}

/** Milliseconds from one attempt to tell the other region of a deletion to the next. */
const RETRY_INTERVAL = 250;

/** Asks the destination's region to take part. @throws {AwsError} its refusal; InternalServerError when it is not there. */
export async function proposeTo(regions: Readonly<Record<string, string>>, proposal: Proposal): Promise<Replication> {
  const { region } = proposal.destination;
  const url = regions[region];
  if (url === undefined) throw new AwsError("ValidationException", 400, `There is no other Region '${region}' here.`);
  try {
    return replicationSchema.parse(await callRegion(url, "accept", proposal));
  } catch (error) {
    if (!(error instanceof RegionUnreachableError)) throw error;
    throw new AwsError("InternalServerError", 500, `Region '${region}' did not respond.`, { cause: error });
  }
}

export async function startReplication(options: ReplicationOptions): Promise<RunningReplication> {
  const { controlPlane, regions, syncInterval, directoriesOf } = options;
  const closing = new AbortController();
  const carrying = new Map<string, { readonly stop: AbortController; readonly done: Promise<void> }>();
  const deleting = new Map<string, Promise<void>>();
  const readOnly = new Map<string, boolean>();
  let access: Promise<void> = Promise.resolve();

  const server: RegionServer = await startRegionServer({
    controlPlane,
    port: options.port,
    directoriesOf,
    onlyReplicationWrites: () => access,
  });

  /** One after the other, so that the last one counts. */
  function setReadOnly(fileSystemId: string, value: boolean): Promise<void> {
    if ((readOnly.get(fileSystemId) ?? false) === value) return access;
    readOnly.set(fileSystemId, value);
    access = access.then(() => options.setReadOnly(fileSystemId, value)).catch(options.onError);
    return access;
  }

  function isHere(region: string): boolean {
    return region === controlPlane.state().region;
  }

  function urlOfPeer({ source, destination }: Replication): string {
    const region = isHere(source.region) ? destination.region : source.region;
    const url = regions[region];
    if (url === undefined) throw new Error(`There is no region ${region}`);
    return url;
  }

  async function carry(replication: Replication, signal: AbortSignal): Promise<void> {
    const { id } = replication;
    const url = urlOfPeer(replication);
    const { root } = directoriesOf(replication.source.fileSystemId);
    const carrier = new Carrier(root, new RemoteReplica(url, id, signal));
    while (!signal.aborted) {
      const next = Date.now() + syncInterval;
      try {
        const startedAt = await carrier.sync(signal);
        await callRegion(url, "report", { id, startedAt }, signal);
        const change = { status: "ENABLED", lastReplicatedTimestamp: startedAt } as const;
        controlPlane.update((state) => changeReplication(state, id, change));
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof AwsError && error.code === "ReplicationNotFound") {
          const statusMessage = "The destination's Region has deleted its configuration.";
          controlPlane.update((state) => changeReplication(state, id, { status: "ERROR", statusMessage }));
          return;
        }
        if (!(error instanceof RegionUnreachableError)) options.onError(error);
      }
      await sleep(Math.max(0, next - Date.now()), undefined, { signal }).catch(() => {});
    }
  }

  /** Until the other region knows of it, or was given up. A region that is down can keep a deletion waiting for ever. */
  async function tellPeer({ id }: Replication): Promise<void> {
    while (!closing.signal.aborted) {
      const replication = find(controlPlane.state(), id);
      if (replication?.deletionMode !== "ALL_CONFIGURATIONS") return;
      try {
        await callRegion(urlOfPeer(replication), "delete", { id }, closing.signal);
        return;
      } catch (error) {
        if (!(error instanceof RegionUnreachableError)) options.onError(error);
      }
      await sleep(RETRY_INTERVAL, undefined, { signal: closing.signal }).catch(() => {});
    }
  }

  async function remove(replication: Replication): Promise<void> {
    const { id, destination } = replication;
    const run = carrying.get(id);
    run?.stop.abort();
    await Promise.all([run?.done, tellPeer(replication), sleep(options.deletionDelay)]);
    if (closing.signal.aborted) return;
    if (isHere(destination.region)) {
      await server.end(id);
      await setReadOnly(destination.fileSystemId, readOnlyIn(forgetReplication(controlPlane.state(), id), destination));
    }
    controlPlane.update((state) => forgetReplication(state, id));
    carrying.delete(id);
    deleting.delete(id);
  }

  function follow(): void {
    if (closing.signal.aborted) return;
    const state = controlPlane.state();
    for (const replication of state.replications) {
      const { id, status, source } = replication;
      if (status === "DELETING") {
        if (!deleting.has(id)) deleting.set(id, remove(replication).catch(options.onError));
      } else if (isHere(source.region) && status !== "ERROR" && !carrying.has(id)) {
        const stop = new AbortController();
        carrying.set(id, { stop, done: carry(replication, stop.signal).catch(options.onError) });
      }
    }
    for (const { fileSystemId } of state.fileSystems) {
      const isEnding = state.replications.some(
        ({ id, destination }) => destination.fileSystemId === fileSystemId && deleting.has(id),
      );
      if (!isEnding) void setReadOnly(fileSystemId, readOnlyIn(state, { fileSystemId }));
    }
  }

  const unsubscribe = controlPlane.subscribe(follow);
  follow();
  return {
    url: server.url,
    close: async () => {
      unsubscribe();
      closing.abort();
      for (const { stop } of carrying.values()) stop.abort();
      await Promise.all([...[...carrying.values()].map(({ done }) => done), ...deleting.values()]);
      await server.close();
    },
  };
}

function find({ replications }: AwsState, id: string): Replication | undefined {
  return replications.find((each) => each.id === id);
}

function readOnlyIn(state: AwsState, { fileSystemId }: { readonly fileSystemId: string }): boolean {
  const fileSystem = state.fileSystems.find((one) => one.fileSystemId === fileSystemId);
  return fileSystem !== undefined && isReadOnly(state, fileSystem);
}
