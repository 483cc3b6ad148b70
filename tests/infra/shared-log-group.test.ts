import {
  CreateLogGroupCommand,
  DescribeLogGroupsCommand,
  PutRetentionPolicyCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { deleteLogGroup, takeOverLogGroup } from "../../components/shared-log-group.ts";
import { REGION } from "../../local/account.ts";
import { describeEachAws, type TestAccount } from "../support/aws-accounts.ts";
import { stubAws } from "../support/aws-environment.ts";

const GROUP = {
  logGroupName: "/aws/ecs/containerinsights/cluster/performance",
  retentionDays: 30,
  tags: { Stack: "test" },
  region: REGION,
};
const OTHER = "/aws/ecs/containerinsights/other/performance";

describeEachAws("a log group that AWS may have made", (start) => {
  let aws: TestAccount;

  beforeEach(async () => {
    aws = await start();
    stubAws(aws.endpoint);
    await aws.logs.send(new CreateLogGroupCommand({ logGroupName: OTHER }));
  });

  afterEach(() => vi.unstubAllEnvs());

  /** The days that each group keeps its lines, by the group's name. */
  async function retentions() {
    const { logGroups = [] } = await aws.logs.send(new DescribeLogGroupsCommand({}));
    return Object.fromEntries(logGroups.map(({ logGroupName, retentionInDays }) => [logGroupName, retentionInDays]));
  }

  test("is made where it is missing", async () => {
    await takeOverLogGroup(GROUP);
    expect(await retentions()).toEqual({ [GROUP.logGroupName]: 30, [OTHER]: undefined });
  });

  test("is taken over where it is there, and keeps its lines as long as the stack says", async () => {
    const { logGroupName } = GROUP;
    await aws.logs.send(new CreateLogGroupCommand({ logGroupName }));
    await aws.logs.send(new PutRetentionPolicyCommand({ logGroupName, retentionInDays: 1 }));
    await takeOverLogGroup(GROUP);
    expect(await retentions()).toEqual({ [logGroupName]: 30, [OTHER]: undefined });
  });

  test("is deleted, and may be gone by then", async () => {
    await takeOverLogGroup(GROUP);
    await deleteLogGroup(GROUP);
    expect(await retentions()).toEqual({ [OTHER]: undefined });
    await expect(deleteLogGroup(GROUP)).resolves.toBeUndefined();
  });
});
