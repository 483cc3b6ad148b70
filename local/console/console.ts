/**
 * The console of a local run: shows on the status page what stands in for AWS, and lets people disturb it. The load
 * balancer serves it below `/local/`; routers know only the path of its script.
 */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { parseMountTable } from "@efs-mount-autoscaling/mount-table";
import { messageOf } from "nfs-client";
import { CLUSTER_NAME, SERVICE_NAME } from "../account.ts";
import { findService } from "../control-plane/ecs.ts";
import { primaryDeployment } from "../control-plane/ecs-deployments.ts";
import type { ControlPlane } from "../control-plane/server.ts";
import { PARAMETER_NAME } from "../environments.ts";
import type { LastRun } from "../monitor-run.ts";
import { type Action, actionSchema, type ConsoleState } from "./state.ts";

/** Where the console is, and what the routers' page loads. */
export const CONSOLE_PREFIX = "/local/";
export const CONSOLE_SCRIPT = "/local/console.js";

export interface ConsoleOptions {
  readonly controlPlane: Pick<ControlPlane, "state">;
  /** Stops, starts and slows down the NFS server with this address. */
  readonly servers: {
    start(address: string): Promise<void>;
    stop(address: string): Promise<void>;
    delay(milliseconds: number, address: string): Promise<void>;
  };
  readonly nextRun: () => number | undefined;
  readonly lastRun: () => LastRun | undefined;
  readonly runMonitor: () => Promise<void>;
  /** Sends a request for a file of the file API; with a text, which it is to have. */
  readonly requestFile: (path: string, text?: string) => Promise<void>;
}

/** The path of the bundle that `npm run build` makes. */
const SCRIPT = new URL("../../dist/local/console.js", import.meta.url);

const FILES = 100;
const CONCURRENCY = 8;
const KNOCKS = 32;

/** Milliseconds that each request to a mount target takes longer which is slowed down. */
const DELAY = 150;

export class Console {
  readonly #options: ConsoleOptions;
  readonly #killed = new Set<string>();
  readonly #slow = new Set<string>();
  #batches = 0;

  constructor(options: ConsoleOptions) {
    this.#options = options;
  }

  /** Responds to a request below {@link CONSOLE_PREFIX}. */
  readonly respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const { method, url } = request;
      if (method === "GET" && url === CONSOLE_SCRIPT) send(response, 200, "text/javascript", await readFile(SCRIPT));
      else if (method === "GET" && url === `${CONSOLE_PREFIX}state`) sendJson(response, 200, this.#state());
      else if (method === "POST" && url === `${CONSOLE_PREFIX}actions`) await this.#act(request, response);
      else sendJson(response, 404, { detail: `There is nothing at ${url}` });
    } catch (error) {
      sendJson(response, 500, { detail: messageOf(error) });
    }
  };

  async #act(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Pages of other sites cannot send that without asking first, and nobody answers them.
    if (request.headers["content-type"] !== "application/json") {
      return sendJson(response, 415, { detail: "The body must be application/json" });
    }
    const action = actionSchema.safeParse(await json(request).catch(() => undefined));
    if (!action.success) return sendJson(response, 400, { detail: "There is no such action" });
    await this.#carryOut(action.data);
    sendJson(response, 200, this.#state());
  }

  async #carryOut(action: Action): Promise<void> {
    const { servers, runMonitor } = this.#options;
    switch (action.action) {
      case "write files":
        return this.#writeFiles();
      case "run monitor":
        return runMonitor();
      case "slow down":
        this.#slow.add(action.target);
        return servers.delay(DELAY, action.target);
      case "speed up":
        this.#slow.delete(action.target);
        return servers.delay(0, action.target);
      case "kill":
        this.#killed.add(action.target);
        await servers.stop(action.target);
        return this.#knock();
      case "start":
        await servers.start(action.target);
        this.#killed.delete(action.target);
        this.#slow.delete(action.target);
    }
  }

  async #writeFiles(): Promise<void> {
    this.#batches += 1;
    const directory = `console/${this.#batches}`;
    let next = 0;
    const write = async () => {
      for (let file = ++next; file <= FILES; file = ++next) {
        await this.#options.requestFile(`${directory}/${file}.txt`, `File ${file}, written by the console\n`);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, write));
  }

  /** Routers learn that a mount target is gone with the next request that it is asked for: here are some. */
  async #knock(): Promise<void> {
    const paths = Array.from({ length: KNOCKS }, (_, number) => `console/knock/${number}`);
    await Promise.all(paths.map((path) => this.#options.requestFile(path)));
  }

  #state(): ConsoleState {
    const { controlPlane, nextRun, lastRun } = this.#options;
    const state = controlPlane.state();
    const service = findService(state, CLUSTER_NAME, SERVICE_NAME);
    const deployment = primaryDeployment(service);
    const parameter = state.parameters.find(({ name }) => name === PARAMETER_NAME);
    const running = state.tasks.filter(
      ({ deploymentId, healthStatus, lastStatus }) =>
        deploymentId === deployment.id && lastStatus === "RUNNING" && healthStatus === "HEALTHY",
    );
    return {
      time: Date.now(),
      nextRun: nextRun(),
      lastRun: lastRun(),
      parameter: {
        name: PARAMETER_NAME,
        version: parameter?.version ?? 0,
        modified: parameter?.lastModifiedDate.getTime() ?? 0,
        targets: parameter === undefined ? 0 : parseMountTable(parameter.value).mount_targets.length,
      },
      deployment: {
        id: deployment.id,
        state: deployment.rolloutState,
        started: deployment.createdAt.getTime(),
        running: running.length,
        desired: service.desiredCount,
      },
      targets: state.mountTargets.map(({ ipAddress, availabilityZoneName, lifeCycleState }) => ({
        address: ipAddress,
        zone: availabilityZoneName,
        lifeCycleState,
        isKilled: this.#killed.has(ipAddress),
        isSlow: this.#slow.has(ipAddress),
      })),
    };
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, "application/json", JSON.stringify(body));
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(body);
}
