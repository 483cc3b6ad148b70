import { CreateClusterCommand, DescribeTasksCommand, ListTasksCommand, RunTaskCommand } from "@aws-sdk/client-ecs";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { stopTasks } from "../../components/task-stopper.ts";
import { REGION } from "../../local/account.ts";
import { type AwsClients, clients } from "../support/aws-clients.ts";
import { stubAws } from "../support/aws-environment.ts";
import { createNetwork, createService, type Moto, moto, startMoto } from "../support/moto.ts";
import { describeRequiring } from "../support/requirements.ts";

describeRequiring([moto], "tasks that operators left running (moto)", ([command]) => {
  let server: Moto;
  let aws: AwsClients;
  let subnetIds: readonly string[];

  beforeAll(async () => {
    server = await startMoto(command);
    aws = clients(server.endpoint);
  });

  afterAll(() => server.stop());

  beforeEach(async () => {
    await server.reset();
    stubAws(server.endpoint);
    ({ subnetIds } = await createNetwork(aws, ["a"]));
    await createService(aws, { clusterName: "others", serviceName: "router" });
    await aws.ecs.send(new CreateClusterCommand({ clusterName: "maintenance" }));
    return () => vi.unstubAllEnvs();
  });

  const stop = (cluster: string) => stopTasks({ cluster, region: REGION }, 5, 0.01);

  const start = (cluster: string) =>
    aws.ecs.send(
      new RunTaskCommand({
        cluster,
        taskDefinition: "router",
        launchType: "FARGATE",
        networkConfiguration: { awsvpcConfiguration: { subnets: [...subnetIds] } },
      }),
    );

  async function statuses(cluster: string): Promise<(string | undefined)[]> {
    const { taskArns: running = [] } = await aws.ecs.send(new ListTasksCommand({ cluster }));
    const { taskArns: stopped = [] } = await aws.ecs.send(new ListTasksCommand({ cluster, desiredStatus: "STOPPED" }));
    const tasks = [...new Set([...running, ...stopped])];
    if (tasks.length === 0) return [];
    const described = await aws.ecs.send(new DescribeTasksCommand({ cluster, tasks }));
    return (described.tasks ?? []).map(({ desiredStatus }) => desiredStatus);
  }

  test("stop, and those of other clusters do not", async () => {
    for (const cluster of ["maintenance", "maintenance", "others"]) await start(cluster);
    await stop("maintenance");
    expect(await statuses("maintenance")).toEqual(["STOPPED", "STOPPED"]);
    expect(await statuses("others")).toEqual(["RUNNING"]);
  });

  test("are none, or their cluster is gone: there is nothing to do", async () => {
    await expect(stop("maintenance")).resolves.toBeUndefined();
    await expect(stop("gone")).resolves.toBeUndefined();
  });
});
