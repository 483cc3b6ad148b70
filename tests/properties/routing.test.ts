import { filePath, ROUTING_STRATEGIES, rankingOf } from "@efs-mount-autoscaling/routed-files";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Ranking, Routable } from "../../packages/routed-files/src/routing/routable.ts";

const targetId = fc.stringMatching(/^fsmt-[0-9a-f]{8,17}$/);
const targetSets = (minimum: number, maximum = 8) =>
  fc
    .uniqueArray(targetId, { minLength: minimum, maxLength: maximum })
    .map((ids) => ids.map((id): Routable => ({ id })));

const name = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
  .map((text) => text.replaceAll(/[/\0]/g, "_"))
  .filter((text) => text !== "." && text !== "..");
const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((names) => filePath(names.join("/")));

function firstOf(ranking: Ranking<Routable>, text: string): string | undefined {
  return ranking(filePath(text))[0]?.id;
}

describe("property 5: the same path always routes to the same target", () => {
  test.each(ROUTING_STRATEGIES)("%s", (strategy) => {
    fc.assert(
      fc.property(
        path,
        targetSets(1).chain((targets) =>
          fc.tuple(fc.constant(targets), fc.shuffledSubarray(targets, { minLength: targets.length })),
        ),
        (path, [targets, shuffled]) => {
          const ranked = rankingOf(targets, strategy)(path).map(({ id }) => id);
          expect(rankingOf(shuffled, strategy)(path).map(({ id }) => id)).toEqual(ranked);
          expect(rankingOf(targets, strategy)(filePath(`/.//${path}/`)).map(({ id }) => id)).toEqual(ranked);
          expect(ranked.toSorted()).toEqual(targets.map(({ id }) => id).sort());
        },
      ),
    );
  });
});

/**
 * The same target sets in every run: what is asserted of them holds with a high probability, not always, and a run that
 * drew others would fail by chance.
 */
function fixedTargetSets(count: number): Routable[][] {
  return fc.sample(targetSets(2), { seed: 1, numRuns: count });
}

/** The values that a chi-square variable with 1, 2, … degrees of freedom exceeds in 5 % of all cases. */
const CHI_SQUARE_5_PERCENT = [3.841, 5.991, 7.815, 9.488, 11.07, 12.592, 14.067];

function chiSquare(observed: readonly number[]): number {
  const total = observed.reduce((sum, count) => sum + count, 0);
  const expected = total / observed.length;
  return observed.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe("property 6: paths spread evenly (chi-square, 5 %)", () => {
  const PATHS = 2_000;
  const EXPERIMENTS = 200;
  // Evenly spread paths fail a test at 5 % in 5 % of the experiments: 10 of 200, and 18 or more once in 100 samples.
  const REJECTIONS_ALLOWED = 18;

  test.each(ROUTING_STRATEGIES)("%s: the target that is preferred, and the one that follows it", (strategy) => {
    const rejections = { first: 0, second: 0 };
    for (const [experiment, targets] of fixedTargetSets(EXPERIMENTS).entries()) {
      const ranking = rankingOf(targets, strategy);
      const first = new Map(targets.map(({ id }) => [id, 0]));
      const second = new Map(first);
      for (let index = 0; index < PATHS; index++) {
        // The names that services really use: a counter is all that differs.
        const [a, b] = ranking(filePath(`data/${experiment}/file-${index}.bin`));
        if (a) first.set(a.id, (first.get(a.id) ?? 0) + 1);
        if (b) second.set(b.id, (second.get(b.id) ?? 0) + 1);
      }
      const critical = CHI_SQUARE_5_PERCENT[targets.length - 2] ?? 0;
      if (chiSquare([...first.values()]) > critical) rejections.first++;
      if (chiSquare([...second.values()]) > critical) rejections.second++;
    }
    expect(rejections.first).toBeLessThan(REJECTIONS_ALLOWED);
    expect(rejections.second).toBeLessThan(REJECTIONS_ALLOWED);
  });
});

describe("property 7: a change of the targets moves only the paths it must", () => {
  const paths = Array.from({ length: 500 }, (_, index) => `tree/${index % 7}/file-${index}`);

  test("adding a target moves paths to the new one only", () => {
    fc.assert(
      fc.property(targetSets(2), ([added, ...targets]) => {
        const before = rankingOf(targets);
        const after = rankingOf(added ? [...targets, added] : targets);
        for (const text of paths) expect([added?.id, firstOf(before, text)]).toContain(firstOf(after, text));
      }),
    );
  });

  test("adding a target to N moves about 1/(N+1) of the paths", () => {
    for (const [added, ...targets] of fixedTargetSets(200)) {
      if (!added) continue;
      const before = rankingOf(targets);
      const after = rankingOf([...targets, added]);
      const moved = paths.filter((text) => firstOf(before, text) !== firstOf(after, text));
      const share = 1 / (targets.length + 1);
      const deviation = Math.sqrt((share * (1 - share)) / paths.length);
      expect(Math.abs(moved.length / paths.length - share)).toBeLessThan(4 * deviation);
    }
  });

  test("removing a target moves only its own paths, to the ones that followed it", () => {
    fc.assert(
      fc.property(targetSets(2), ([removed, ...targets]) => {
        if (!removed) return;
        const before = rankingOf([removed, ...targets]);
        const after = rankingOf(targets);
        for (const text of paths) {
          const order = before(filePath(text)).filter(({ id }) => id !== removed.id);
          expect(after(filePath(text))).toEqual(order);
        }
      }),
    );
  });

  test("rankings keep the order of the remaining targets, whatever is away", () => {
    fc.assert(
      fc.property(
        path,
        targetSets(1).chain((targets) => fc.tuple(fc.constant(targets), fc.subarray(targets))),
        (path, [targets, remaining]) => {
          const ids = new Set(remaining.map(({ id }) => id));
          const expected = rankingOf(targets)(path).filter(({ id }) => ids.has(id));
          expect(rankingOf(remaining)(path)).toEqual(expected);
        },
      ),
    );
  });
});
