/** The hot spots of several workers as those of one router. */
import * as z from "zod";
import type { HotSpot, HotSpotReport } from "./hot-spots.ts";

const ranks = z.array(z.object({ path: z.string(), share: z.number(), shareError: z.number(), perSecond: z.number() }));
const byWeight = z.object({ byRequests: ranks, byBytes: ranks });

/** Of one worker. */
export const hotSpotAnswer = z.object({
  hot: z.array(z.string()),
  /** Since the worker started. */
  sharedReads: z.number(),
  paths: byWeight,
  directories: byWeight,
});

export type HotSpotAnswer = z.infer<typeof hotSpotAnswer>;

/** @param count of the first of each kind to keep. */
export function mergeHotSpotAnswers(
  answers: readonly HotSpotAnswer[],
  count: number,
): HotSpotReport & { sharedReads: number } {
  const merge = (kind: "paths" | "directories") => ({
    byRequests: mergeRanks(answers.map((answer) => answer[kind].byRequests)).slice(0, count),
    byBytes: mergeRanks(answers.map((answer) => answer[kind].byBytes)).slice(0, count),
  });
  return {
    hot: [...new Set(answers.flatMap(({ hot }) => hot))],
    sharedReads: answers.reduce((sum, answer) => sum + answer.sharedReads, 0),
    paths: merge("paths"),
    directories: merge("directories"),
  };
}

/** What a worker does not rank, it has counted less often than all that it ranks: its share there is left out. */
function mergeRanks(all: readonly (readonly HotSpot[])[]): HotSpot[] {
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) return [...only];
  const totals = all.map(totalOf);
  const total = totals.reduce((sum, each) => sum + each, 0);
  const merged = new Map<string, HotSpot>();
  for (const [index, ranked] of all.entries()) {
    const part = (totals[index] ?? 0) / total;
    for (const { path, share, shareError, perSecond } of ranked) {
      const before = merged.get(path) ?? { path, share: 0, shareError: 0, perSecond: 0 };
      merged.set(path, {
        path,
        share: before.share + share * part,
        shareError: before.shareError + shareError * part,
        perSecond: before.perSecond + perSecond,
      });
    }
  }
  return [...merged.values()].sort((a, b) => b.perSecond - a.perSecond);
}

/** What all paths together get a second: it follows from any rank. */
export function totalOf([first]: readonly Pick<HotSpot, "share" | "perSecond">[]): number {
  return first === undefined || first.share === 0 ? 0 : first.perSecond / first.share;
}
