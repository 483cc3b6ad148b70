/** Is each operation and each COMPOUND of the client taken, and how long does it take? */
import { NfsStatusError } from "../../errors.ts";
import { TooManyOperationsError } from "../client.ts";
import { OPERATIONS } from "../exercises/operations.ts";
import { LONG_SHAPES, SHORT_SHAPES } from "../exercises/shapes.ts";
import { type Exercise, type Send, Stage } from "../exercises/stage.ts";
import type { Lab } from "../lab.ts";
import { latencyOf } from "../latency.ts";
import type { Answer, ExerciseResult, Exercises } from "../report.ts";

export async function askExercises(lab: Lab): Promise<Exercises> {
  const total = OPERATIONS.length + LONG_SHAPES.length + SHORT_SHAPES.length;
  let done = 0;
  let stage = await Stage.build(lab);
  const doAll = async (exercises: readonly Exercise[]) => {
    const results: ExerciseResult[] = [];
    for (const exercise of exercises) {
      lab.onProgress(done / total, exercise.name);
      done += 1;
      const result = await sample(lab, stage, exercise);
      results.push(result);
      if (result.latency !== undefined) continue;
      // It may have left something open.
      await lab.release();
      stage = await Stage.build(lab);
    }
    return results;
  };
  return {
    operations: await doAll(OPERATIONS),
    longShapes: await doAll(LONG_SHAPES),
    shortShapes: await doAll(SHORT_SHAPES),
  };
}

async function sample(lab: Lab, stage: Stage, { name, run }: Exercise): Promise<ExerciseResult> {
  const { maximumSamples, samplingTime } = lab.effort;
  let compounds: number[] = [];
  let duration = 0;
  const send: Send = async (operations) => {
    compounds.push(operations.length + 1);
    const begin = performance.now();
    const reply = await stage.client.run(operations);
    duration += performance.now() - begin;
    return reply.orThrow();
  };
  const durations: number[] = [];
  const end = performance.now() + samplingTime;
  try {
    do {
      compounds = [];
      duration = 0;
      await run(stage, send);
      durations.push(duration);
    } while (durations.length < maximumSamples && performance.now() < end);
    return { name, compounds, answer: { status: "NFS4_OK" }, latency: latencyOf(durations) };
  } catch (error) {
    return { name, compounds, answer: refusal(error), latency: undefined };
  }
}

function refusal(error: unknown): Answer {
  if (error instanceof TooManyOperationsError) return { status: "not sent", operation: error.message };
  if (error instanceof NfsStatusError) return { status: String(error.status), operation: error.operation };
  throw error;
}
