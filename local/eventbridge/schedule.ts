/** An EventBridge rule with a rate, and a Lambda function as its target. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { LambdaFunction } from "../lambda/function.ts";
import type { Invocation } from "../lambda/messages.ts";

interface ScheduleOptions {
  readonly target: Pick<LambdaFunction, "invoke">;
  /** Milliseconds from the start of one event to that of the next. A run that takes longer delays the next one. */
  readonly every: number;
  readonly ruleName: string;
  readonly accountId: string;
  readonly region: string;
  /** Sees how every invocation ended. */
  readonly onInvocation: (invocation: Invocation) => void;
}

interface Schedule {
  /** When the next event is sent, in milliseconds since 1970; in the past while the last one is being handled. */
  nextAt(): number;
  /** Sends no event any more. Does not end an invocation that runs: close the function for that. */
  close(): Promise<void>;
}

/** Starts the schedule. The first event is sent at once. */
export function startSchedule({ target, every, onInvocation, ...rule }: ScheduleOptions): Schedule {
  const closing = new AbortController();
  let nextAt = Date.now();
  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      const started = Date.now();
      const invocation = await target.invoke(scheduledEvent(rule, new Date(started)));
      if (!closing.signal.aborted) onInvocation(invocation);
      nextAt = Math.max(Date.now(), started + every);
      await sleep(nextAt - Date.now(), undefined, { signal: closing.signal }).catch(() => {});
    }
  }
  const running = run();
  return {
    nextAt: () => nextAt,
    close: async () => {
      closing.abort();
      await running;
    },
  };
}

type Rule = Pick<ScheduleOptions, "ruleName" | "accountId" | "region">;

/** EventBridge user guide, "Events from Amazon EventBridge scheduled rules". */
function scheduledEvent({ ruleName, accountId, region }: Rule, time: Date): object {
  return {
    version: "0",
    id: randomUUID(),
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: accountId,
    time: time.toISOString().replace(/\.\d+Z$/, "Z"),
    region,
    resources: [`arn:aws:events:${region}:${accountId}:rule/${ruleName}`],
    detail: {},
  };
}
