/**
 * Amazon CloudWatch: which alarms are on.
 */
import { paginateDescribeAlarms } from "@aws-sdk/client-cloudwatch";
import * as z from "zod";
import { type AwsSession, call } from "./session.ts";

const alarmsSchema = z.array(z.object({ AlarmName: z.string() }).transform(({ AlarmName }) => AlarmName));

/** The names of the alarms that are on and tell this topic, all pages. @throws {AwsCallError} */
export function listAlarmsThatAreOn({ cloudwatch, signal }: AwsSession, topicArn: string): Promise<string[]> {
  return call("DescribeAlarms", alarmsSchema, async () => {
    const alarms = [];
    const pages = paginateDescribeAlarms(
      { client: cloudwatch, stopOnSameToken: true },
      { ActionPrefix: topicArn, StateValue: "ALARM" },
      { abortSignal: signal },
    );
    for await (const page of pages) alarms.push(...(page.MetricAlarms ?? []));
    return alarms;
  });
}
