/**
 * Amazon CloudWatch Logs: log groups. `local/cloudwatch-logs` keeps what is written to them.
 *
 * Rules, errors and names: CloudWatch Logs API reference, CreateLogGroup, DescribeLogGroups,
 * PutRetentionPolicy and DeleteLogGroup.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { operationsOf } from "./operation.ts";
import type { AwsState } from "./state.ts";

const { query, command } = operationsOf((message) => new AwsError("InvalidParameterException", 400, message));

const createLogGroup = command(z.object({ logGroupName: z.string().min(1).max(512) }), (state, { logGroupName }) => {
  if (state.logGroups.some((one) => one.logGroupName === logGroupName)) {
    throw new AwsError("ResourceAlreadyExistsException", 400, "The specified log group already exists");
  }
  return { state: { ...state, logGroups: [...state.logGroups, { logGroupName }] }, output: {} };
});

const describeLogGroups = query(z.object({ logGroupNamePrefix: z.string().default("") }), (state, input) => ({
  logGroups: state.logGroups.filter((one) => one.logGroupName.startsWith(input.logGroupNamePrefix)),
}));

const putRetentionPolicy = command(
  z.object({ logGroupName: z.string(), retentionInDays: z.int().min(1) }),
  (state, { logGroupName, retentionInDays }) => {
    const others = othersThan(state, logGroupName);
    return { state: { ...state, logGroups: [...others, { logGroupName, retentionInDays }] }, output: {} };
  },
);

const deleteLogGroup = command(z.object({ logGroupName: z.string() }), (state, { logGroupName }) => ({
  state: { ...state, logGroups: othersThan(state, logGroupName) },
  output: {},
}));

/** CloudWatch Logs' operations by their API names. */
export const logs = {
  CreateLogGroup: createLogGroup,
  DeleteLogGroup: deleteLogGroup,
  DescribeLogGroups: describeLogGroups,
  PutRetentionPolicy: putRetentionPolicy,
};

/** All groups but this one, which must be there. */
function othersThan({ logGroups }: AwsState, logGroupName: string): AwsState["logGroups"] {
  const others = logGroups.filter((one) => one.logGroupName !== logGroupName);
  if (others.length < logGroups.length) return others;
  throw new AwsError("ResourceNotFoundException", 400, "The specified log group does not exist.");
}
