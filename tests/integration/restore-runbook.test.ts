/**
 * The runbook "Restore a backup" of docs/operations.md, carried out command by command on the local stack: the commands
 * are those of the page. A shell runs them; `aws` and `pulumi` are programs of this test that come first in its PATH.
 *
 * What is real: the routers and the load balancer, the NFS servers, ECS and SSM as the local control plane has them, the
 * monitor, and each `nfs` command, which the bundle of the image runs with the environment of the maintenance task.
 * What stands in: AWS Backup copies a directory, as root; `pulumi up` changes what these settings change, in the local
 * stack; ECS Exec starts a process on this machine. There is no TLS and no IAM: tls.test.ts is about those.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, lstat, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { json } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { DescribeServicesCommand, UpdateServiceCommand } from "@aws-sdk/client-ecs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { ACCOUNT_ID, CLUSTER_NAME, REGION, SERVICE_NAME } from "../../local/account.ts";
import { monitorEnvironment, TARGET_DIRECTORY } from "../../local/environments.ts";
import { createLambdaFunction } from "../../local/lambda/function.ts";
import { Cleanups } from "../../local/machine/cleanups.ts";
import { makeTemporaryDirectory, type TemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { type Stack, startStack, waitUntilSteady } from "../../local/stack.ts";
import { clients } from "../support/aws-clients.ts";
import { clientNames } from "../support/client-names.ts";
import { runNfs } from "../support/nfs-bundle.ts";

const MINUTES = 60_000;
const FILES: Readonly<Record<string, string>> = {
  "report.pdf": "the report",
  "2026/january/numbers.csv": "1,2,3",
  "2026/ünïcode name.txt": "ü",
};
const RESTORE_DIRECTORY = "aws-backup-restore_2026-01-01T03-00-00-000Z";
const MAINTENANCE_TASK = `arn:aws:ecs:${REGION}:${ACCOUNT_ID}:task/maintenance/0e5a0000000000000000000000000001`;
const NEW_FILE_SYSTEM = "fs-0e5a0000000000002";

/** The commands of the section, as they are on the page: those for all, and those for one way to restore. */
async function commandsOfRunbook(way: "same" | "new"): Promise<string> {
  const page = await readFile("docs/operations.md", "utf8");
  const section = page.slice(page.indexOf("## Restore a backup\n"), page.indexOf("## Roll back\n"));
  const blocks = [...section.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)];
  expect(new Set(blocks.map(([, language]) => language))).toEqual(new Set(["sh", "sh same", "sh new"]));
  return blocks.flatMap(([, language, code]) => (language === "sh" || language === `sh ${way}` ? [code] : [])).join("");
}

const settingSchema = z.enum(["dataOnDestroy", "existingFileSystemId", "maintenance", "targetDirectory"]);
const callSchema = z.tuple([z.enum(["aws", "pulumi"]), z.array(z.string())]);

/** The account and the stack that the commands are about. */
class World {
  readonly commands: string[] = [];
  /** What `pulumi config` has, and what the last `pulumi up` made of it. */
  readonly config = new Map<string, string>();
  deployed: ReadonlyMap<string, string> = new Map();
  stack: Stack;
  readonly #backup: TemporaryDirectory;
  readonly #cleanups: Cleanups;
  /** What AWS Backup restored to a new file system, until the stack serves it. */
  #newFileSystem: string | undefined;
  #taskStarted = false;
  #revision = 1;

  constructor(stack: Stack, backup: TemporaryDirectory, cleanups: Cleanups) {
    this.stack = stack;
    this.#backup = backup;
    this.#cleanups = cleanups;
  }

  async run(program: "aws" | "pulumi", args: readonly string[]): Promise<string> {
    this.commands.push([program, ...args.filter((arg) => !arg.startsWith("-"))].join(" "));
    return program === "pulumi" ? this.#pulumi(args) : this.#aws(args);
  }

  async #pulumi([command = "", ...args]: readonly string[]): Promise<string> {
    switch (command === "config" || command === "stack" ? `${command} ${args[0]}` : command) {
      case "config set":
        this.config.set(settingSchema.parse(args[1]), z.string().min(1).parse(args[2]));
        return "";
      case "stack output":
        return this.#output(z.string().parse(args[1]));
      case "preview":
        return "";
      case "up":
        return this.#deploy();
      default:
        throw new Error(`Nothing stands in for pulumi ${command}`);
    }
  }

  #output(name: string): string {
    const where = `--region ${REGION} --cluster maintenance`;
    const maintenanceTask = `aws ecs run-task ${where} --task-definition maintenance --launch-type FARGATE --enable-execute-command --query "tasks[0].taskArn" --output text`;
    const outputs: Readonly<Record<string, string>> = {
      backupVault: "vault",
      backupRole: `arn:aws:iam::${ACCOUNT_ID}:role/backup`,
      fileSystemId: this.deployed.get("existingFileSystemId") ?? "fs-0e5a0000000000001",
      clusterName: CLUSTER_NAME,
      serviceName: SERVICE_NAME,
      monitorFunction: "monitor",
      maintenanceTask: this.deployed.get("maintenance") === "true" ? maintenanceTask : "none",
    };
    const value = outputs[name];
    if (value === undefined) throw new Error(`The stack has no output ${name}`);
    return `${value}\n`;
  }

  /** What the real program changes by these settings, done to the local stack. */
  async #deploy(): Promise<string> {
    const before = this.deployed;
    this.deployed = new Map(this.config);
    const hasChanged = (name: string) => before.get(name) !== this.deployed.get(name);
    if (hasChanged("existingFileSystemId")) await this.#serveNewFileSystem();
    if (hasChanged("targetDirectory")) await this.#serveDirectory(this.deployed.get("targetDirectory") ?? "");
    if (hasChanged("maintenance")) this.#taskStarted = false;
    return "";
  }

  async #serveNewFileSystem(): Promise<void> {
    expect(this.deployed.get("existingFileSystemId")).toBe(NEW_FILE_SYSTEM);
    if (this.#newFileSystem === undefined) throw new Error("There is no new file system");
    // As the service was told before: without a task.
    const desired = await this.#desiredCount();
    this.stack = await startLocalStack(this.#cleanups, desired);
    await rm(join(this.stack.fileSystemPath, TARGET_DIRECTORY), { recursive: true });
    await cp(this.#newFileSystem, this.stack.fileSystemPath, { recursive: true });
  }

  /** A new revision of the tasks, which the service rolls to. */
  async #serveDirectory(directory: string): Promise<void> {
    const { controlPlane } = this.stack;
    this.#revision += 1;
    controlPlane.update((state) => {
      const [first] = state.taskDefinitions;
      if (first === undefined) throw new Error("The service has no task definition");
      const environment = { ...first.environment, ROOT_DIRECTORY: directory };
      return {
        ...state,
        taskDefinitions: [...state.taskDefinitions, { ...first, revision: this.#revision, environment }],
      };
    });
    await this.#ecs.send(
      new UpdateServiceCommand({
        cluster: CLUSTER_NAME,
        service: SERVICE_NAME,
        taskDefinition: `router:${this.#revision}`,
      }),
    );
    await this.#steady();
  }

  async #aws([service, command, ...args]: readonly string[]): Promise<string> {
    switch (`${service} ${command}`) {
      case "backup list-recovery-points-by-backup-vault":
        return `arn:aws:backup:${REGION}:${ACCOUNT_ID}:recovery-point:1\n`;
      case "backup start-restore-job":
        return this.#restore(options(args, "metadata", "recovery-point-arn", "iam-role-arn"));
      case "backup describe-restore-job":
        expect(options(args, "restore-job-id")["restore-job-id"]).toBe("job-1");
        return args.includes("CreatedResourceArn")
          ? `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT_ID}:file-system/${NEW_FILE_SYSTEM}\n`
          : "COMPLETED\t100.00%\tNone\n";
      case "ecs describe-services":
        return `${await this.#desiredCount()}\n`;
      case "ecs update-service": {
        const desiredCount = Number(options(args, "desired-count")["desired-count"]);
        await this.#ecs.send(new UpdateServiceCommand({ cluster: CLUSTER_NAME, service: SERVICE_NAME, desiredCount }));
        return `${desiredCount}\n`;
      }
      case "ecs wait":
        return args[0] === "services-stable" ? this.#steady() : this.#waitForMaintenanceTask(args.slice(1));
      case "ecs run-task":
        expect(this.deployed.get("maintenance")).toBe("true");
        this.#taskStarted = true;
        return `${MAINTENANCE_TASK}\n`;
      case "ecs execute-command":
        return this.#execute(options(args, "cluster", "task", "container", "command"));
      case "lambda invoke":
        return this.#runMonitor();
      default:
        throw new Error(`Nothing stands in for aws ${service} ${command}`);
    }
  }

  async #restore({ metadata = "", ...others }: Record<string, string>): Promise<string> {
    expect(others).toEqual({
      "recovery-point-arn": `arn:aws:backup:${REGION}:${ACCOUNT_ID}:recovery-point:1`,
      "iam-role-arn": `arn:aws:iam::${ACCOUNT_ID}:role/backup`,
    });
    const { newFileSystem, ...settings } = Object.fromEntries(metadata.split(",").map((pair) => pair.split("=")));
    expect(settings).toMatchObject({ "file-system-id": "fs-0e5a0000000000001", Encrypted: "true" });
    let target = this.stack.fileSystemPath;
    if (newFileSystem === "true") {
      const temporary = await makeTemporaryDirectory("restored-");
      this.#cleanups.add(() => temporary.remove());
      target = temporary.path;
      this.#newFileSystem = target;
    }
    await cp(this.#backup.path, join(target, RESTORE_DIRECTORY, "data"), { recursive: true });
    return "job-1\n";
  }

  async #waitForMaintenanceTask(args: readonly string[]): Promise<string> {
    expect(options(args, "cluster", "tasks")).toEqual({ cluster: "maintenance", tasks: MAINTENANCE_TASK });
    expect(this.#taskStarted).toBe(true);
    return "";
  }

  async #execute({ command = "", ...where }: Record<string, string>): Promise<string> {
    expect(where).toEqual({ cluster: "maintenance", task: MAINTENANCE_TASK, container: "maintenance" });
    expect(this.#taskStarted).toBe(true);
    const [program, ...args] = command.split(" ");
    expect(program).toBe("nfs");
    const [definition] = this.stack.controlPlane.state().taskDefinitions;
    // The maintenance task's access point begins at the root of the file system.
    const { code, stdout, stderr } = await runNfs(args, { ...definition?.environment, ROOT_DIRECTORY: "/" });
    expect([command, code, stderr]).toEqual([command, 0, ""]);
    // The session has a terminal.
    return `\nStarting session with SessionId: ecs-execute-command-0e5a\n${stdout}\n`.replaceAll("\n", "\r\n");
  }

  async #runMonitor(): Promise<string> {
    const { controlPlane, fileSystemPath } = this.stack;
    const monitor = createLambdaFunction({
      functionName: "monitor",
      region: REGION,
      accountId: ACCOUNT_ID,
      bundle: resolve("dist/file-monitor/index.cjs"),
      handler: "handler",
      environment: {
        ...monitorEnvironment(controlPlane.url, fileSystemPath, 1_000_000, "rolling-deployment"),
        TARGET_DIRECTORY: this.deployed.get("targetDirectory") ?? TARGET_DIRECTORY,
      },
      timeout: MINUTES,
      memorySize: 512,
      log: () => {},
    });
    try {
      return `${JSON.stringify(await monitor.invoke({}))}\n`;
    } finally {
      await monitor.close();
    }
  }

  get #ecs() {
    return clients(this.stack.controlPlane.url).ecs;
  }

  async #desiredCount(): Promise<number> {
    const command = new DescribeServicesCommand({ cluster: CLUSTER_NAME, services: [SERVICE_NAME] });
    return z.number().parse((await this.#ecs.send(command)).services?.[0]?.desiredCount);
  }

  async #steady(): Promise<string> {
    const signal = AbortSignal.timeout(MINUTES);
    await waitUntilSteady(this.stack.controlPlane, { timeout: MINUTES, signal });
    const desired = await this.#desiredCount();
    await expect.poll(() => this.stack.taskUrls().length, { timeout: MINUTES }).toBe(desired);
    return "";
  }
}

/** The values of these options of the AWS CLI; others that have a value are known, and let be. */
function options(args: readonly string[], ...wanted: string[]): Record<string, string> {
  const withValue = [...wanted, "query", "output", "cluster", "service", "services", "region"];
  const known = Object.fromEntries(withValue.map((name) => [name, { type: "string" as const }]));
  const { values } = parseArgs({ args: [...args], options: { ...known, interactive: { type: "boolean" } } });
  const given = z.record(z.string(), z.unknown()).parse(values);
  return Object.fromEntries(wanted.map((name) => [name, z.string().min(1).parse(given[name])]));
}

async function startLocalStack(cleanups: Cleanups, tasks: number): Promise<Stack> {
  const stack = await startStack({
    tasks,
    mountTargets: 2,
    fileCountThreshold: 1_000_000,
    monitorInterval: 60 * MINUTES,
    mountTargetCreationDelay: 0,
    log: () => {},
    onMonitorRun: () => {},
    signal: new AbortController().signal,
  });
  cleanups.add(() => stack.close());
  return stack;
}

/** Runs the commands in a shell, each of which must succeed. */
async function runCommands(script: string, world: World, folder: string): Promise<string> {
  const server = createServer(async (request, response) => {
    const [program, args] = callSchema.parse(await json(request));
    const answer = await world.run(program, args).then(
      (stdout) => ({ stdout, stderr: "", code: 0 }),
      (error: unknown) => ({ stdout: "", stderr: `${error}\n`, code: 1 }),
    );
    response.end(JSON.stringify(answer));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const standIn = `#!${process.execPath}
    const [, program, ...args] = process.argv;
    fetch("http://127.0.0.1:${(server.address() as AddressInfo).port}", {
      method: "POST",
      body: JSON.stringify([require("node:path").basename(program), args]),
    }).then(async (response) => {
      const { stdout, stderr, code } = await response.json();
      process.stderr.write(stderr);
      process.exitCode = code;
      process.stdout.write(stdout);
    });`;
  for (const program of ["aws", "pulumi"]) await writeFile(join(folder, program), standIn, { mode: 0o755 });
  const shell = spawn("bash", ["-eux", "-o", "pipefail"], {
    env: { PATH: `${folder}:${process.env.PATH}` },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  shell.stdout.on("data", (chunk) => {
    output.stdout += chunk;
  });
  shell.stderr.on("data", (chunk) => {
    output.stderr += chunk;
  });
  // Read by the shell, not by its commands.
  shell.stdin.end(`main() {\n${script}\n}\nmain </dev/null\n`);
  const [code] = await once(shell, "close");
  server.close();
  expect([code, code === 0 ? "" : output.stderr]).toEqual([0, ""]);
  return output.stdout;
}

// Files have other owners after a restore, which only root can change.
describe.skipIf(process.getuid?.() !== 0)("the restore runbook", () => {
  let cleanups: Cleanups;
  let world: World;
  let folder: TemporaryDirectory;

  beforeEach(async () => {
    cleanups = new Cleanups();
    folder = await makeTemporaryDirectory("runbook-");
    const backup = await makeTemporaryDirectory("backup-");
    cleanups.add(() => Promise.all([folder.remove(), backup.remove()]));
    const stack = await startLocalStack(cleanups, 2);
    world = new World(stack, backup, cleanups);
    for (const [path, body] of Object.entries(FILES)) {
      expect((await fetch(urlOf(path), { method: "PUT", body })).status).toBe(201);
    }
    // The night's backup; then the damage.
    await cp(join(stack.fileSystemPath, TARGET_DIRECTORY), backup.path, { recursive: true });
    await fetch(urlOf("report.pdf"), { method: "DELETE" });
    await fetch(urlOf("2026/january/numbers.csv"), { method: "PUT", body: "overwritten" });
  }, 2 * MINUTES);

  afterEach(() => cleanups.run(), MINUTES);

  const urlOf = (path: string) => `${world.stack.url}/files/${path.split("/").map(encodeURIComponent).join("/")}`;

  async function expectFilesAreBack(): Promise<void> {
    for (const [path, body] of Object.entries(FILES)) expect(await (await fetch(urlOf(path))).text()).toBe(body);
    const restored = join(world.stack.fileSystemPath, "restored");
    for (const name of ["", ...(await clientNames(restored, { recursive: true }))]) {
      const { uid, gid } = await lstat(join(restored, name));
      expect([name, uid, gid]).toEqual([name, 1000, 1000]);
    }
    // They are written to as before.
    expect((await fetch(urlOf("report.pdf"), { method: "PUT", body: "new" })).status).toBe(204);
    expect(world.deployed.get("maintenance")).toBe("false");
  }

  test(
    "into the same file system brings every file back, and keeps the damaged ones",
    async () => {
      const output = await runCommands(await commandsOfRunbook("same"), world, folder.path);
      await expectFilesAreBack();
      expect(output).toMatch(/fileCount\W+3\b/);
      const damaged = join(world.stack.fileSystemPath, "data/2026/january/numbers.csv");
      expect(await readFile(damaged, "utf8")).toBe("overwritten");
      expect(world.commands.filter((command) => command === "pulumi up")).toHaveLength(3);
    },
    5 * MINUTES,
  );

  test(
    "into a new file system serves nothing until every file is back",
    async () => {
      const before = world.stack;
      const output = await runCommands(await commandsOfRunbook("new"), world, folder.path);
      await expectFilesAreBack();
      expect(output).toMatch(/fileCount\W+3\b/);
      expect(world.deployed.get("dataOnDestroy")).toBe("retain");
      expect(world.stack).not.toBe(before);
      expect(before.taskUrls()).toEqual([]);
      expect(await clientNames(join(before.fileSystemPath, "data"))).toEqual(["2026"]);
    },
    5 * MINUTES,
  );
});
