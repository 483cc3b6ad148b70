/** Is each operation and each COMPOUND of the client taken, and how long does it take? */
import { ConnectionError } from "../../errors.ts";
import { answerOfError, TooManyOperationsError } from "../client.ts";
import { OPERATIONS } from "../exercises/operations.ts";
import { LONG_SHAPES, SHORT_SHAPES } from "../exercises/shapes.ts";
import { type Exercise, type Send, Stage } from "../exercises/stage.ts";
import type { Lab } from "../lab.ts";
import { latencyOf } from "../latency.ts";
import type { Answer, ExerciseResult, Exercises } from "../report.ts";

/** Servers close connections, for example to move them. */
const MAX_ATTEMPTS = 3;

export async function askExercises(lab: Lab): Promise<Exercises> {
  const total = OPERATIONS.length + LONG_SHAPES.length + SHORT_SHAPES.length;
  let done = 0;
  let stage = await Stage.build(lab);
  const doAll = async (exercises: readonly Exercise[]) => {
    const results: ExerciseResult[] = [];
    for (const exercise of exercises) {
      lab.onProgress(done / total, exercise.name);
      done += 1;
      for (let attempt = 1; ; attempt++) {
        const result = await sampleUnlessLost(lab, stage, exercise, attempt);
        if (result?.latency === undefined) {
          // Something may have been left open, or the connection is lost.
          await lab.release();
          stage = await Stage.build(lab);
        }
        if (result === undefined) continue;
        results.push(result);
        break;
      }
    }
    return results;
  };
  return {
    operations: await doAll(OPERATIONS),
    longShapes: await doAll(LONG_SHAPES),
    shortShapes: await doAll(SHORT_SHAPES),
  };
}

/** `undefined` when the connection was lost, and the exercise may be retried. */
async function sampleUnlessLost(
  lab: Lab,
  stage: Stage,
  exercise: Exercise,
  attempt: number,
): Promise<ExerciseResult | undefined> {
  try {
    return await sample(lab, stage, exercise);
  } catch (error) {
    if (error instanceof ConnectionError && attempt < MAX_ATTEMPTS) return undefined;
    throw error;
  }
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
  if (error instanceof TooManyOperationsError) return { status: error.message };
  return answerOfError(error);
}
