/**
 * The part of AWS that the file monitor calls, in memory: real SDK clients talk to it, but no network is between.
 * It keeps the rules that matter (one mount target an Availability Zone, pages, the state `creating`), tells time by
 * a clock of its own, and can fail at any call.
 */
import { setImmediate as turn } from "node:timers/promises";
import { type MountTable, serializeMountTable } from "@efs-mount-autoscaling/mount-table";
import { type AwsClients, createAwsClients } from "../../functions/file-monitor/aws/session.ts";

export interface MemorySubnet {
  readonly subnetId: string;
  readonly availabilityZone: string;
  /** The error that CreateMountTarget answers for this subnet. */
  refusal?: string;
}

export interface MemoryMountTarget {
  readonly mountTargetId: string;
  readonly subnetId: string;
  readonly availabilityZone: string;
  readonly ipAddress: string;
  state: string;
  /** How many more times it is listed as `creating`. */
  timesCreating: number;
}

export interface MemoryParameter {
  value: string;
  type: string;
  keyId?: string | undefined;
  lastModified: number;
}

export interface MemoryDeployment {
  /** Milliseconds. */
  readonly createdAt: number;
  /** What ListServiceDeployments says of it; undefined for a rollback, which is no entry of its own there. */
  readonly status?: "SUCCESSFUL" | "IN_PROGRESS" | "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED";
  /** What DescribeServices says of it. */
  readonly rolloutState?: "COMPLETED" | "FAILED";
}

/** What goes wrong with a call. After `death` of a process, none of its calls is carried out. */
export type Fault = "refused" | "lost answer" | "death" | "stale";

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

const PAGE = 2;

export class MemoryAws {
  readonly fileSystemId = "fs-0123abcd";
  readonly vpcId = "vpc-0123abcd";
  /** Of a One Zone file system. */
  oneZone: string | undefined;
  subnets: MemorySubnet[] = [];
  mountTargets: MemoryMountTarget[] = [];
  parameter: MemoryParameter | undefined;
  service: { status: string; deployments: MemoryDeployment[] } | undefined = { status: "ACTIVE", deployments: [] };
  /** How many times a new mount target is listed as `creating`. */
  timesCreating = 1;
  /** Milliseconds; every call takes one. */
  clock = Date.UTC(2026, 0, 1);
  /** How many turns of the event loop the next call takes. */
  latency: () => number = () => 0;
  /** The operations carried out, in order. */
  readonly calls: string[] = [];
  /** The tables written by PutParameter, each with the mount targets that were available then, and ever before. */
  readonly tables: { readonly value: string; readonly available: string[]; readonly everAvailable: string[] }[] = [];
  readonly #everAvailable = new Set<string>();
  #staleMountTargets: MemoryMountTarget[] = [];
  #nextId = 1;

  /** The clients of one process. Its nth call fails as `faults` says. */
  clients(faults: ReadonlyMap<number, Fault> = new Map(), options: { maxAttempts?: number } = {}): AwsClients {
    let calls = 0;
    let isDead = false;
    const handle = async (request: Request) => {
      const fault = faults.get(calls++);
      for (let turns = this.latency(); turns > 0; turns--) await turn();
      if (fault === "death") isDead = true;
      if (isDead) throw connectionError();
      if (fault === "refused") return { response: refusal(400, "AccessDeniedException") };
      const response = this.#answer(request, fault === "stale");
      if (fault === "lost answer") throw connectionError();
      return { response };
    };
    return createAwsClients({
      region: "ap-northeast-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 1,
      ...options,
      requestHandler: { handle },
    });
  }

  addMountTarget(subnet: MemorySubnet, state = "available"): MemoryMountTarget {
    const number = this.#nextId++;
    const target = {
      mountTargetId: `fsmt-${number.toString(16).padStart(8, "0")}`,
      subnetId: subnet.subnetId,
      availabilityZone: subnet.availabilityZone,
      ipAddress: `10.0.0.${number}`,
      state,
      timesCreating: this.timesCreating,
    };
    this.mountTargets.push(target);
    return target;
  }

  subnetIn(zone: string): MemorySubnet {
    const subnet = this.subnets.find(({ availabilityZone }) => availabilityZone === zone);
    if (subnet === undefined) throw new Error(`There is no subnet in ${zone}`);
    return subnet;
  }

  /** Writes the table of the mount targets there are, as an earlier run would have. */
  publish(type = "String"): void {
    const table: MountTable = {
      mount_targets: this.mountTargets.map((target) => ({
        mount_target_id: target.mountTargetId,
        ip_address: target.ipAddress,
        availability_zone: target.availabilityZone,
        subnet_id: target.subnetId,
      })),
    };
    this.parameter = { value: serializeMountTable(table), type, lastModified: ++this.clock };
  }

  /** Deploys the service, as an earlier run would have. */
  deploy(): void {
    this.service = { status: "ACTIVE", deployments: [{ createdAt: ++this.clock, status: "SUCCESSFUL" }] };
  }

  #answer(request: Request, isStale: boolean): Answer {
    this.clock += 1;
    const target = request.headers["x-amz-target"]?.split(".")[1];
    const operation = target ?? nameOf(request);
    this.calls.push(operation);
    const body = textOf(request);
    switch (operation) {
      case "DescribeFileSystems":
        return this.#describeFileSystems();
      case "DescribeMountTargets":
        return this.#describeMountTargets(Number(request.query?.Marker ?? 0), isStale);
      case "CreateMountTarget":
        return this.#createMountTarget(JSON.parse(body).SubnetId);
      case "DescribeSubnets":
        return this.#describeSubnets(Number(new URLSearchParams(body).get("NextToken") ?? 0));
      case "GetParameter":
        return this.#getParameter();
      case "PutParameter":
        return this.#putParameter(JSON.parse(body));
      case "DescribeServices":
        return this.#describeServices();
      case "ListServiceDeployments":
        return this.#listServiceDeployments();
      case "UpdateService":
        return this.#updateService();
      default:
        throw new Error(`The monitor is not expected to call ${operation}`);
    }
  }

  #describeFileSystems(): Answer {
    const fileSystem = { FileSystemId: this.fileSystemId, AvailabilityZoneName: this.oneZone };
    return json({ FileSystems: [{ ...fileSystem, NumberOfMountTargets: this.mountTargets.length }] });
  }

  #describeMountTargets(start: number, isStale: boolean): Answer {
    if (start === 0 && !isStale) {
      for (const target of this.mountTargets) {
        if (target.state === "creating" && target.timesCreating-- <= 0) target.state = "available";
      }
      this.#available();
      this.#staleMountTargets = structuredClone(this.mountTargets);
    }
    const targets = isStale ? this.#staleMountTargets : this.mountTargets;
    const next = start + PAGE;
    return json({
      MountTargets: targets.slice(start, next).map(describe),
      ...(next < targets.length && { NextMarker: String(next) }),
    });
  }

  #createMountTarget(subnetId: string): Answer {
    const subnet = this.subnets.find((candidate) => candidate.subnetId === subnetId);
    if (subnet === undefined) return refusal(400, "SubnetNotFound");
    if (this.oneZone !== undefined && this.oneZone !== subnet.availabilityZone) {
      return refusal(400, "AvailabilityZonesMismatch");
    }
    if (this.mountTargets.some(({ availabilityZone }) => availabilityZone === subnet.availabilityZone)) {
      return refusal(409, "MountTargetConflict");
    }
    if (subnet.refusal !== undefined) return refusal(400, subnet.refusal);
    return json(describe(this.addMountTarget(subnet, "creating")));
  }

  #describeSubnets(start: number): Answer {
    const items = this.subnets.slice(start, start + PAGE).map(
      ({ subnetId, availabilityZone, refusal }) => `<item>
        <subnetId>${subnetId}</subnetId><availabilityZone>${availabilityZone}</availabilityZone>
        <availableIpAddressCount>${refusal === "NoFreeAddressesInSubnet" ? 0 : 100}</availableIpAddressCount>
      </item>`,
    );
    const next = start + PAGE < this.subnets.length ? `<nextToken>${start + PAGE}</nextToken>` : "";
    return answer(
      200,
      `<DescribeSubnetsResponse><subnetSet>${items.join("")}</subnetSet>${next}</DescribeSubnetsResponse>`,
    );
  }

  #getParameter(): Answer {
    if (this.parameter === undefined) return refusal(400, "ParameterNotFound");
    const { value, type, lastModified } = this.parameter;
    return json({ Parameter: { Value: value, Type: type, LastModifiedDate: lastModified / 1000 } });
  }

  #putParameter({ Value, Type, KeyId }: { Value: string; Type: string; KeyId?: string }): Answer {
    this.parameter = { value: Value, type: Type, keyId: KeyId, lastModified: this.clock };
    const available = this.#available();
    this.tables.push({ value: Value, available, everAvailable: [...this.#everAvailable] });
    return json({ Version: 1 });
  }

  #available(): string[] {
    const available = this.mountTargets.filter(({ state }) => state === "available");
    const ids = available.map(({ mountTargetId }) => mountTargetId);
    for (const id of ids) this.#everAvailable.add(id);
    return ids;
  }

  #describeServices(): Answer {
    if (this.service === undefined) return json({ services: [], failures: [{ reason: "MISSING" }] });
    const deployments = this.service.deployments.toReversed().map(({ createdAt, rolloutState }, index) => ({
      status: index === 0 ? "PRIMARY" : "ACTIVE",
      createdAt: createdAt / 1000,
      rolloutState,
    }));
    return json({ services: [{ status: this.service.status, deployments }] });
  }

  #listServiceDeployments(): Answer {
    const serviceDeployments = this.service?.deployments.flatMap(({ createdAt, status }) =>
      status === undefined ? [] : [{ createdAt: createdAt / 1000, status }],
    );
    return json({ serviceDeployments });
  }

  #updateService(): Answer {
    this.service?.deployments.push({ createdAt: this.clock, status: "SUCCESSFUL" });
    return json({});
  }
}

function textOf({ body }: Request): string {
  return body instanceof Uint8Array ? new TextDecoder().decode(body) : String(body);
}

function nameOf(request: Request): string {
  const { method, path } = request;
  if (path.endsWith("/file-systems")) return "DescribeFileSystems";
  if (path.endsWith("/mount-targets")) return method === "POST" ? "CreateMountTarget" : "DescribeMountTargets";
  return new URLSearchParams(textOf(request)).get("Action") ?? `${method} ${path}`;
}

function describe(target: MemoryMountTarget): Record<string, string> {
  return {
    MountTargetId: target.mountTargetId,
    FileSystemId: "fs-0123abcd",
    SubnetId: target.subnetId,
    AvailabilityZoneName: target.availabilityZone,
    LifeCycleState: target.state,
    IpAddress: target.ipAddress,
  };
}

function json(document: unknown): Answer {
  return answer(200, JSON.stringify(document));
}

/** EFS names an error in a header and in ErrorCode; SSM and ECS in __type. */
function refusal(statusCode: number, name: string): Answer {
  const document = JSON.stringify({ __type: name, ErrorCode: name, Message: name, message: name });
  const { headers, body } = answer(statusCode, document);
  return { statusCode, headers: { ...headers, "x-amzn-errortype": name }, body };
}

function answer(statusCode: number, text: string): Answer {
  return { statusCode, headers: {}, body: new TextEncoder().encode(text) };
}

function connectionError(): Error {
  return Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
}
