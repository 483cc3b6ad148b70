/** A comparison: what its task measures, over servers of this machine, and how it is run, against moto. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CreateLogGroupCommand, CreateLogStreamCommand, PutLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ModifyVpcAttributeCommand } from "@aws-sdk/client-ec2";
import {
  CreateClusterCommand,
  CreateServiceCommand,
  ListTaskDefinitionsCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  StopTaskCommand,
} from "@aws-sdk/client-ecs";
import { CreateMountTargetCommand } from "@aws-sdk/client-efs";
import { startNfsServer } from "@efs-mount-autoscaling/nfs-server";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Deployed, findDeployed } from "../../bench/compare/deployed.ts";
import { type Line, parseLine } from "../../bench/compare/lines.ts";
import { runComparison } from "../../bench/compare/run.ts";
import { measuringScript, type Settings } from "../../bench/compare/script.ts";
import { MEASURE, STREAM_PREFIX } from "../../bench/compare/task.ts";
import { REGION } from "../../local/account.ts";
import { clients } from "../support/aws-clients.ts";
import { clientNames } from "../support/client-names.ts";
import { createFileSystem, createNetwork, type Moto, moto, startMoto } from "../support/moto.ts";
import { describeRequiring } from "../support/requirements.ts";
import { type StandaloneRouter, startStandaloneRouter } from "../support/standalone-router.ts";

describe("what the task measures", () => {
  let directory: string;
  let router: StandaloneRouter;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "compare-"));
    const server = await startNfsServer({ directory, durable: false });
    router = await startStandaloneRouter([server], { ROOT_DIRECTORY: "/" });
    stop = async () => {
      await router.close();
      await server.close();
      await rm(directory, { recursive: true });
    };
  });

  afterAll(() => stop());

  /** The directory that the server exports stands in for the mount. */
  async function start(overrides: Partial<Settings>): Promise<{ child: ChildProcess; lines: Line[] }> {
    const script = await measuringScript({
      rounds: 2,
      filesPerRound: 8,
      oneAtATime: 3,
      atOnce: 4,
      fileBytes: 4096,
      mountPath: directory,
      url: router.url,
      directory: "comparison",
      timeLimit: 60_000,
      ...overrides,
    });
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: Line[] = [];
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = parseLine(text);
      if (line !== undefined) lines.push(line);
    });
    return { child, lines };
  }

  test("is both operations by both sides in each round, and leaves nothing", async () => {
    const { child, lines } = await start({});
    expect(await once(child, "close")).toEqual([0, null]);
    const results = lines.flatMap((line) => ("result" in line ? [line.result] : []));
    expect(results).toHaveLength(2 * 2 * 2 * 2);
    for (const side of ["mount", "router"] as const) {
      for (const operation of ["read", "replace"] as const) {
        const of = results.filter((result) => result.side === side && result.operation === operation);
        expect(of.map(({ round, atOnce, operations }) => [round, atOnce, operations])).toEqual([
          [0, 1, 3],
          [0, 4, 5],
          [1, 1, 3],
          [1, 4, 5],
        ]);
      }
    }
    expect(lines.at(-1)).toEqual({ end: {} });
    expect(await clientNames(directory)).toEqual([]);
  });

  test("ends with the reason when it is stopped, and leaves nothing", async () => {
    const { child, lines } = await start({ rounds: 1000 });
    await expect.poll(() => lines.length).toBeGreaterThan(2);
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([1, null]);
    expect(lines.at(-1)).toEqual({ end: { error: "It was stopped" } });
    expect(await clientNames(directory)).toEqual([]);
  });

  test("ends with the reason when the router refuses a request, and leaves nothing", async () => {
    const { child, lines } = await start({ url: `${router.url}/nowhere` });
    expect(await once(child, "close")).toEqual([1, null]);
    expect(lines.at(-1)).toMatchObject({ end: { error: expect.stringContaining("404") } });
    expect(await clientNames(directory)).toEqual([]);
  });
});

describeRequiring([moto], "a comparison against moto", ([command]) => {
  const STACK = { cluster: "cluster", service: "router" };
  const LOG_GROUP = "/ecs/firelens";
  const ID = "efs-compare-test";

  let server: Moto;
  let aws: ReturnType<typeof clients>;
  let deployed: Deployed;

  beforeAll(async () => {
    server = await startMoto(command);
    // Else a task goes on towards its end whenever somebody looks at it.
    const body = JSON.stringify({ model_name: "ecs::task", transition: { progression: "time", seconds: 3600 } });
    await fetch(`${server.endpoint}/moto-api/state-manager/set-transition`, { method: "POST", body });
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    await server.reset();
    aws = clients(server.endpoint);
    const { vpcId, subnetIds, securityGroupId } = await createNetwork(aws, ["a", "c"]);
    // As a stack's: ECS mounts by the file system's name.
    await aws.ec2.send(new ModifyVpcAttributeCommand({ VpcId: vpcId, EnableDnsHostnames: { Value: true } }));
    const fileSystemId = await createFileSystem(aws);
    await aws.efs.send(new CreateMountTargetCommand({ FileSystemId: fileSystemId, SubnetId: subnetIds[0] }));
    await aws.logs.send(new CreateLogGroupCommand({ logGroupName: LOG_GROUP }));
    await aws.ecs.send(new CreateClusterCommand({ clusterName: STACK.cluster }));
    await aws.ecs.send(
      new RegisterTaskDefinitionCommand({
        family: "files",
        requiresCompatibilities: ["FARGATE"],
        networkMode: "awsvpc",
        cpu: "512",
        memory: "1024",
        taskRoleArn: "arn:aws:iam::123456789012:role/task",
        executionRoleArn: "arn:aws:iam::123456789012:role/execution",
        containerDefinitions: [
          {
            name: "router",
            image: "router",
            memoryReservation: 512,
            environment: Object.entries({
              EFS_FILE_SYSTEM_ID: fileSystemId,
              EFS_ACCESS_POINT_ID: "fsap-1",
              EFS_IAM_AUTHORIZATION: "on",
            }).map(([name, value]) => ({ name, value })),
            logConfiguration: { logDriver: "awsfirelens" },
          },
          {
            name: "log_router",
            image: "fluent-bit",
            memoryReservation: 128,
            logConfiguration: {
              logDriver: "awslogs",
              options: { "awslogs-group": LOG_GROUP, "awslogs-region": REGION },
            },
          },
        ],
      }),
    );
    const network = { awsvpcConfiguration: { subnets: [...subnetIds], securityGroups: [securityGroupId] } };
    await aws.ecs.send(
      new CreateServiceCommand({
        cluster: STACK.cluster,
        serviceName: STACK.service,
        taskDefinition: "files",
        launchType: "FARGATE",
        networkConfiguration: network,
      }),
    );
    deployed = await findDeployed(aws, STACK);
    expect(deployed.subnets, "only the zone with a mount target").toEqual([subnetIds[0]]);
  });

  const run = (signal = new AbortController().signal, ecs = aws.ecs, timeLimit = 60_000) =>
    runComparison({ ...aws, ecs }, deployed, {
      id: ID,
      script: "0",
      signal,
      say: () => {},
      pollInterval: 20,
      timeLimit,
    });

  async function runningTasks(): Promise<readonly string[]> {
    const { taskArns = [] } = await aws.ecs.send(
      new ListTasksCommand({ cluster: STACK.cluster, startedBy: ID, desiredStatus: "RUNNING" }),
    );
    return taskArns;
  }

  async function definitions(): Promise<readonly string[]> {
    const { taskDefinitionArns = [] } = await aws.ecs.send(
      new ListTaskDefinitionsCommand({ familyPrefix: ID, status: "ACTIVE" }),
    );
    return taskDefinitionArns;
  }

  /** Waits for the task, says the lines in its log, and ends it. */
  async function playTask(lines: readonly string[]): Promise<void> {
    await expect.poll(runningTasks).toHaveLength(1);
    const [task = ""] = await runningTasks();
    const stream = { logGroupName: LOG_GROUP, logStreamName: `${STREAM_PREFIX}/${MEASURE}/${task.split("/").at(-1)}` };
    await aws.logs.send(new CreateLogStreamCommand(stream));
    const logEvents = lines.map((message) => ({ message, timestamp: Date.now() }));
    await aws.logs.send(new PutLogEventsCommand({ ...stream, logEvents }));
    await aws.ecs.send(new StopTaskCommand({ cluster: STACK.cluster, task, reason: "Essential container exited" }));
  }

  const RESULT = { side: "mount", operation: "read", atOnce: 1, round: 0, operations: 1, seconds: 1, p50: 1, p99: 1 };

  test("returns what the task said, and leaves neither task nor definition", async () => {
    const running = run();
    await playTask(["a warning", JSON.stringify({ result: RESULT }), '{"end":{}}']);
    expect(await running).toMatchObject({ results: [RESULT], error: undefined, leftBehind: [] });
    expect(await runningTasks()).toEqual([]);
    expect(await definitions()).toEqual([]);
  });

  test("says why the task failed, and what it could not remove", async () => {
    const running = run();
    await playTask(['{"end":{"error":"PUT 0-1: 507","leftBehind":"efs-compare-test: EIO"}}']);
    expect(await running).toMatchObject({
      results: [],
      error: "PUT 0-1: 507",
      leftBehind: ["In the file system: efs-compare-test: EIO"],
    });
    expect(await definitions()).toEqual([]);
  });

  test("says why ECS ended a task that said nothing", async () => {
    const running = run();
    await playTask(["a warning"]);
    expect((await running).error).toContain("Essential container exited");
    expect(await definitions()).toEqual([]);
  });

  test("interrupted, it stops the task and takes everything away", async () => {
    const interrupted = new AbortController();
    const running = run(interrupted.signal);
    await expect.poll(runningTasks).toHaveLength(1);
    interrupted.abort(new Error("Interrupted by SIGINT"));
    expect((await running).error).toBe("Interrupted by SIGINT");
    expect(await runningTasks()).toEqual([]);
    expect(await definitions()).toEqual([]);
  });

  test("a task that does not end is stopped, and the outcome says so", async () => {
    expect((await run(undefined, undefined, 100)).error).toContain("has not stopped within");
    expect(await runningTasks()).toEqual([]);
    expect(await definitions()).toEqual([]);
  });

  test("a task whose start was carried out although its response was lost is stopped, too", async () => {
    const { ecs } = clients(server.endpoint);
    ecs.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const result = await next(args);
          if (commandName === "RunTaskCommand") throw new Error("socket hang up");
          return result;
        },
      { step: "finalizeRequest" },
    );
    expect(await run(undefined, ecs)).toMatchObject({ error: "socket hang up", leftBehind: [] });
    expect(await runningTasks()).toEqual([]);
    expect(await definitions()).toEqual([]);
  });

  test("what cannot be taken away is named", async () => {
    const { ecs } = clients(server.endpoint);
    ecs.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === "StopTaskCommand") throw new Error("AccessDenied");
          return next(args);
        },
      { step: "finalizeRequest" },
    );
    const interrupted = new AbortController();
    const running = run(interrupted.signal, ecs);
    await expect.poll(runningTasks).toHaveLength(1);
    interrupted.abort();
    const [task = ""] = await runningTasks();
    expect((await running).leftBehind.join("\n")).toContain(task);
  });

  test("a service that is not there is an error that says so", async () => {
    await expect(findDeployed(aws, { ...STACK, service: "missing" })).rejects.toThrow("has no service missing");
  });

  describe("the command", () => {
    const PROGRAM = ["--import", "tsx", "bench/compare/main.ts"];
    const environment = () => ({
      PATH: process.env.PATH,
      AWS_ENDPOINT_URL: server.endpoint,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: "AKIDLOCAL",
      AWS_SECRET_ACCESS_KEY: "local",
    });
    const compare = (...args: readonly string[]) =>
      new Promise<{ code: number; stderr: string }>((resolve) => {
        const child = execFile(process.execPath, [...PROGRAM, ...args], { env: environment() }, (error, _, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code), stderr });
        });
        child.stdin?.end();
      });
    const STACK_OPTIONS = ["--cluster", STACK.cluster, "--service", STACK.service];

    test("says the plan and the price, and does nothing with --plan", async () => {
      const { code, stderr } = await compare(...STACK_OPTIONS, "--plan");
      expect(stderr).toContain(`with ${deployed.fileSystemId} mounted by ECS`);
      expect(stderr).toMatch(/It costs at most 0\.\d\d US dollars/);
      expect(code).toBe(0);
      expect(await runningTasks()).toEqual([]);
    });

    test("does nothing where nobody can agree", async () => {
      const { code, stderr } = await compare(...STACK_OPTIONS);
      expect(stderr).toContain("There is nobody to ask");
      expect(code).toBe(2);
      const { taskArns } = await aws.ecs.send(new ListTasksCommand({ cluster: STACK.cluster }));
      expect(taskArns).toEqual([]);
    });

    test("interrupted by Ctrl-C, it takes everything away before it ends", async () => {
      const child = spawn(process.execPath, [...PROGRAM, ...STACK_OPTIONS, "--yes"], {
        stdio: ["ignore", "ignore", "pipe"],
        env: environment(),
      });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk;
      });
      await expect.poll(() => stderr, { timeout: 60_000 }).toContain("was started");
      child.kill("SIGINT");
      const [code] = await once(child, "close");
      expect(code).toBe(1);
      const { taskArns } = await aws.ecs.send(
        new ListTasksCommand({ cluster: STACK.cluster, desiredStatus: "RUNNING" }),
      );
      expect(taskArns).toEqual([]);
    });
  });
});
