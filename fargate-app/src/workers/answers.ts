/** What the workers of a task ask each other, so that each of them can speak for all. */
import type { Meter } from "@efs-mount-autoscaling/metering";
import { HOT_SPOT_CAPACITY, hotSpotAnswer, type RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import * as z from "zod";
import { costAnswer, describeCosts } from "../http/routes/costs.ts";
import { describeTargets, targetAnswer } from "../http/routes/targets.ts";
import { type Metrics, metricsAnswer } from "../metrics.ts";
import { historySchema, taskStatusSchema } from "../status/document.ts";
import type { TaskReport } from "../status/task-report.ts";

/** An answer to each question, of one worker. */
const answerSchemas = {
  targets: targetAnswer,
  costs: costAnswer,
  hotSpots: hotSpotAnswer,
  status: taskStatusSchema,
  history: historySchema,
  metrics: metricsAnswer,
};

export type Question = keyof typeof answerSchemas;

export type Answer<Q extends Question> = z.output<(typeof answerSchemas)[Q]>;

/** How one worker answers. */
export type Answers = { readonly [Q in Question]: () => Answer<Q> | Promise<Answer<Q>> };

interface AnsweringWorker {
  readonly files: RoutedFiles;
  readonly metrics: Metrics;
  readonly meter: Meter;
  readonly report: TaskReport;
}

export function answersOf({ files, metrics, meter, report }: AnsweringWorker): Answers {
  return {
    targets: () => describeTargets(files),
    costs: () => describeCosts(files, meter),
    hotSpots: () => ({ ...files.hotSpots.report(HOT_SPOT_CAPACITY), sharedReads: files.sharedReads }),
    status: () => report.now(),
    history: () => report.history,
    metrics: async () => metricsAnswer.parse(await metrics.registry.getMetricsAsJSON()),
  };
}

/** @throws {z.ZodError} when it is not an answer to this question. */
export function parseAnswer<Q extends Question>(question: Q, answer: unknown): Answer<Q>;
export function parseAnswer(question: Question, answer: unknown): Answer<Question> {
  return z.parse(answerSchemas[question], answer);
}
