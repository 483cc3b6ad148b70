/**
 * Amazon CloudWatch: alarms, as far as their state goes. Nothing evaluates them here.
 *
 * Rules, errors and names: CloudWatch API reference, DescribeAlarms.
 */
import { z } from "zod";
import { AwsError } from "./aws-error.ts";
import { operationsOf } from "./operation.ts";
import { page } from "./page.ts";
import type { Alarm, AwsState } from "./state.ts";

const { query } = operationsOf((message) => new AwsError("ValidationError", 400, message));

const describeAlarms = query(
  z.object({
    ActionPrefix: z.string().min(1).max(1024).optional(),
    StateValue: z.enum(["OK", "ALARM", "INSUFFICIENT_DATA"]).optional(),
    MaxRecords: z.int().min(1).max(100).default(50),
    NextToken: z.string().optional(),
  }),
  (state, { ActionPrefix = "", StateValue, MaxRecords, NextToken }, { maxPageSize }) => {
    const found = state.alarms.filter(
      ({ alarmActions, stateValue }) =>
        (ActionPrefix === "" || alarmActions.some((action) => action.startsWith(ActionPrefix))) &&
        (StateValue === undefined || stateValue === StateValue),
    );
    try {
      const alarms = page(found, ({ alarmName }) => alarmName, Math.min(MaxRecords, maxPageSize), NextToken);
      return { MetricAlarms: alarms.items.map((alarm) => describe(state, alarm)), NextToken: alarms.nextToken };
    } catch (cause) {
      throw new AwsError("InvalidNextToken", 400, "The next token specified is invalid.", { cause });
    }
  },
);

/** CloudWatch's operations by their API names. */
export const cloudwatch = { DescribeAlarms: describeAlarms };

function describe(state: AwsState, { alarmName, alarmActions, stateValue }: Alarm): object {
  return {
    AlarmName: alarmName,
    AlarmArn: `arn:aws:cloudwatch:${state.region}:${state.accountId}:alarm:${alarmName}`,
    ActionsEnabled: true,
    AlarmActions: alarmActions,
    StateValue: stateValue,
  };
}
