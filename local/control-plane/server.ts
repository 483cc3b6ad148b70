/**
 * AWS on one loopback port: EFS, EC2, SSM, ECS, Secrets Manager, CloudWatch's alarms and CloudWatch Logs' groups, as their
 * unmodified clients expect them.
 */
import { randomBytes, randomUUID } from "node:crypto";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { AwsError } from "./aws-error.ts";
import { cloudwatch } from "./cloudwatch.ts";
import { ec2 } from "./ec2.ts";
import { ecs } from "./ecs.ts";
import { efs } from "./efs.ts";
import { type LifecycleOptions, startLifecycle } from "./efs-lifecycle.ts";
import { commit, describeReplication, type Proposal, propose } from "./efs-replication.ts";
import { logs } from "./logs.ts";
import type { Environment, Operation } from "./operation.ts";
import { ec2Query, type HttpResponse, json11, type Protocol, parseQueryForm, restJson } from "./protocols.ts";
import { secretsManager } from "./secrets-manager.ts";
import { ssm } from "./ssm.ts";
import type { AwsState, Replication } from "./state.ts";

/** A call as it came in. The names are those that IAM uses: `ssm:GetParameter`. */
export interface Call {
  readonly service: "elasticfilesystem" | "ec2" | "ssm" | "ecs" | "secretsmanager" | "logs" | "cloudwatch";
  readonly operation: string;
  readonly input: unknown;
  readonly requestId: string;
  /** Who calls: the key in the signature. The signature itself is not checked. */
  readonly accessKeyId: string | undefined;
}

/** What goes wrong with a call. */
export interface Fault {
  /** Whether the call still changes the account: true for a response that is lost on its way back. */
  readonly takesEffect: boolean;
  /** What the caller sees: an error, no response until it gives up, or its connection closed. */
  readonly response: AwsError | "none" | "connection-closed";
}

/** A read that sees an older state of the account: AWS's services are eventually consistent. */
export interface StaleRead {
  readonly asOf: AwsState;
}

type Disturbance = Fault | StaleRead | undefined;

export interface ControlPlaneOptions {
  readonly state: AwsState;
  readonly host?: string;
  /** 0, the default, lets the operating system choose. */
  readonly port?: number;
  /** Milliseconds that a mount target is `creating`. */
  readonly mountTargetCreationDelay?: number;
  /** Milliseconds that a mount target is `deleting`. */
  readonly mountTargetDeletionDelay?: number;
  /** Makes pages small, to see callers go through several. */
  readonly maxPageSize?: number;
  readonly onMountTargetAvailable?: LifecycleOptions["onMountTargetAvailable"];
  readonly onMountTargetDeleted?: LifecycleOptions["onMountTargetDeleted"];
  /** Has the region of its destination accept a replication; every destination is refused when absent. */
  readonly proposeReplication?: (proposal: Proposal) => Promise<Replication>;
  /** Sees every call before it takes effect, and may break it. */
  readonly onCall?: ((call: Call) => Disturbance | Promise<Disturbance>) | undefined;
  /** The time of what the calls do; the system's when absent. */
  readonly clock?: () => Date;
  /** Errors of the hooks, and our own. */
  readonly onError?: (error: unknown) => void;
}

export interface ControlPlane {
  /** For `AWS_ENDPOINT_URL`. */
  readonly url: string;
  state(): AwsState;
  /** Carries out an operation, and returns its response. @throws {AwsError} */
  run(operation: Operation, input: unknown): object;
  /** Changes the account from inside, as AWS's own workers do. */
  update(change: (state: AwsState, environment: Environment) => AwsState): void;
  /** Calls the listener after every change, until the function it returns is called. */
  subscribe(listener: () => void): () => void;
  close(): Promise<void>;
}

const OPERATIONS: Record<Call["service"], ReadonlyMap<string, Operation>> = {
  elasticfilesystem: new Map(Object.entries(efs)),
  ec2: new Map(Object.entries(ec2)),
  ssm: new Map(Object.entries(ssm)),
  ecs: new Map(Object.entries(ecs)),
  secretsmanager: new Map(Object.entries(secretsManager)),
  logs: new Map(Object.entries(logs)),
  cloudwatch: new Map(Object.entries(cloudwatch)),
};

/** The one operation that two regions carry out together. */
const CREATE_REPLICATION = "CreateReplicationConfiguration";

const EFS_ROUTES = [
  { method: "POST", url: "/2015-02-01/mount-targets", operation: "CreateMountTarget" },
  { method: "GET", url: "/2015-02-01/mount-targets", operation: "DescribeMountTargets" },
  { method: "DELETE", url: "/2015-02-01/mount-targets/:MountTargetId", operation: "DeleteMountTarget" },
  {
    method: "GET",
    url: "/2015-02-01/mount-targets/:MountTargetId/security-groups",
    operation: "DescribeMountTargetSecurityGroups",
  },
  { method: "GET", url: "/2015-02-01/file-systems", operation: "DescribeFileSystems" },
  { method: "PUT", url: "/2015-02-01/file-systems/:FileSystemId", operation: "UpdateFileSystem" },
  {
    method: "GET",
    url: "/2015-02-01/file-systems/:FileSystemId/lifecycle-configuration",
    operation: "DescribeLifecycleConfiguration",
  },
  {
    method: "PUT",
    url: "/2015-02-01/file-systems/:FileSystemId/lifecycle-configuration",
    operation: "PutLifecycleConfiguration",
  },
  { method: "GET", url: "/2015-02-01/file-systems/:FileSystemId/policy", operation: "DescribeFileSystemPolicy" },
  { method: "PUT", url: "/2015-02-01/file-systems/:FileSystemId/policy", operation: "PutFileSystemPolicy" },
  { method: "DELETE", url: "/2015-02-01/file-systems/:FileSystemId/policy", operation: "DeleteFileSystemPolicy" },
  { method: "PUT", url: "/2015-02-01/file-systems/:FileSystemId/protection", operation: "UpdateFileSystemProtection" },
  {
    method: "GET",
    url: "/2015-02-01/file-systems/replication-configurations",
    operation: "DescribeReplicationConfigurations",
  },
  {
    method: "POST",
    url: "/2015-02-01/file-systems/:SourceFileSystemId/replication-configuration",
    operation: CREATE_REPLICATION,
  },
  {
    method: "DELETE",
    url: "/2015-02-01/file-systems/:SourceFileSystemId/replication-configuration",
    operation: "DeleteReplicationConfiguration",
  },
] as const;

const JSON_SERVICES: Readonly<Record<string, "ssm" | "ecs" | "secretsmanager" | "logs" | "cloudwatch">> = {
  AmazonSSM: "ssm",
  AmazonEC2ContainerServiceV20141113: "ecs",
  secretsmanager: "secretsmanager",
  Logs_20140328: "logs",
  GraniteServiceVersion20100801: "cloudwatch",
};

/** Starts the control plane. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  let state = options.state;
  const listeners = new Set<() => void>();
  const lifecycle = startLifecycle({
    creationDelay: options.mountTargetCreationDelay ?? 0,
    deletionDelay: options.mountTargetDeletionDelay ?? 0,
    onMountTargetAvailable: options.onMountTargetAvailable ?? (async () => {}),
    onMountTargetDeleted: options.onMountTargetDeleted ?? (async () => {}),
    onError: (error) => options.onError?.(error),
    update: (change) => setState(change(state)),
  });

  function setState(next: AwsState): void {
    if (next === state) return;
    state = next;
    lifecycle.follow(state);
    for (const listener of listeners) listener();
  }

  function environment(): Environment {
    return {
      now: options.clock?.() ?? new Date(),
      newId,
      maxPageSize: options.maxPageSize ?? Number.POSITIVE_INFINITY,
    };
  }

  /** Runs the operation; the account is unchanged when it throws. */
  function run(operation: Operation, input: unknown): object {
    const outcome = operation(state, input, environment());
    setState(outcome.state);
    return outcome.output;
  }

  async function createReplication(input: unknown): Promise<object> {
    const proposal = propose(state, input, environment());
    if (options.proposeReplication === undefined) {
      throw new AwsError("ValidationException", 400, `There is no Region '${proposal.destination.region}' here.`);
    }
    const replication = await options.proposeReplication(proposal);
    setState(commit(state, replication));
    return describeReplication(state, replication);
  }

  function carryOut(call: Call): object | Promise<object> {
    const isCreation = call.service === "elasticfilesystem" && call.operation === CREATE_REPLICATION;
    return isCreation ? createReplication(call.input) : run(operationOf(call), call.input);
  }

  function read(call: Call, asOf: AwsState): object {
    const outcome = operationOf(call)(asOf, call.input, environment());
    if (outcome.state !== asOf) throw new Error(`${call.operation} does not only read: it can't see an older state`);
    return outcome.output;
  }

  async function respond(request: FastifyRequest, reply: FastifyReply, protocol: Protocol, parse: () => Named) {
    const requestId = randomUUID();
    try {
      const call: Call = { ...parse(), requestId, accessKeyId: accessKeyId(request.headers.authorization) };
      const fault = await options.onCall?.(call);
      if (fault !== undefined && "asOf" in fault) {
        return send(reply, protocol.success(call.operation, read(call, fault.asOf), requestId));
      }
      const output = fault === undefined || fault.takesEffect ? await carryOut(call) : {};
      if (fault === undefined) return send(reply, protocol.success(call.operation, output, requestId));
      if (fault.response instanceof AwsError) throw fault.response;
      reply.hijack();
      if (fault.response === "connection-closed") request.raw.socket.destroy();
      return reply;
    } catch (error) {
      if (!(error instanceof AwsError)) options.onError?.(error);
      return send(reply, protocol.failure(asAwsError(error), requestId));
    }
  }

  const app = fastify({ forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  for (const { method, url, operation } of EFS_ROUTES) {
    app.route({
      method,
      url,
      handler: (request, reply) =>
        respond(request, reply, restJson, () => ({
          service: "elasticfilesystem",
          operation,
          input: { ...parseJson(request.body), ...toObject(request.query), ...toObject(request.params) },
        })),
    });
  }
  app.post("/", (request, reply) => {
    const target = request.headers["x-amz-target"];
    return typeof target === "string"
      ? respond(request, reply, json11, () => readJson11(target, request.body))
      : respond(request, reply, ec2Query, () => readEc2Query(request.body));
  });
  app.setNotFoundHandler((_request, reply) =>
    send(reply, restJson.failure(new AwsError("UnknownOperationException", 404, "Unknown operation"), randomUUID())),
  );

  const url = await app.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0 });
  lifecycle.follow(state);
  return {
    url,
    state: () => state,
    run,
    update: (change) => setState(change(state, environment())),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      await app.close();
      await lifecycle.close();
    },
  };
}

type Named = Pick<Call, "service" | "operation" | "input">;

function readJson11(target: string, body: unknown): Named {
  const [prefix = "", operation = ""] = target.split(".");
  const service = JSON_SERVICES[prefix];
  if (service === undefined) throw new AwsError("UnknownOperationException", 400, `Unknown operation ${target}`);
  return { service, operation, input: parseJson(body) };
}

function readEc2Query(body: unknown): Named {
  const { Action, Version: _version, ...input } = parseQueryForm(typeof body === "string" ? body : "");
  return { service: "ec2", operation: String(Action ?? ""), input };
}

function operationOf(call: Call): Operation {
  const operation = OPERATIONS[call.service].get(call.operation);
  if (operation === undefined) throw unknownOperation(call);
  return operation;
}

function unknownOperation({ service, operation }: Call): AwsError {
  return service === "ec2"
    ? new AwsError("InvalidAction", 400, `The action ${operation} is not valid for this web service.`)
    : new AwsError("UnknownOperationException", 400, `Unknown operation ${operation}`);
}

function asAwsError(error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  return new AwsError("InternalServerError", 500, error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

function send(reply: FastifyReply, { statusCode, headers, body }: HttpResponse): FastifyReply {
  return reply.code(statusCode).headers(headers).send(body);
}

function parseJson(body: unknown): object {
  if (typeof body !== "string" || body === "") return {};
  try {
    return toObject(JSON.parse(body));
  } catch (cause) {
    throw new AwsError("SerializationException", 400, "The body is not JSON", { cause });
  }
}

function toObject(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}

/** Signature Version 4 names the key: `AWS4-HMAC-SHA256 Credential=KEY/20250101/REGION/SERVICE/aws4_request, …`. */
export function accessKeyId(authorization = ""): string | undefined {
  return /Credential=([^/,]+)\//.exec(authorization)?.[1];
}

function newId(prefix: string, digits: number): string {
  return (
    prefix +
    randomBytes(Math.ceil(digits / 2))
      .toString("hex")
      .slice(0, digits)
  );
}
