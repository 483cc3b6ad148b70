/** What the strategies that look at loads promise: bounded-load and zone-aware. */
import { filePath, rankingOf } from "@efs-mount-autoscaling/routed-files";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Routable, Snapshot, TargetLoad } from "../../packages/routed-files/src/routing/routable.ts";

const ZONES = ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"];
const targetsOf = (count: number): Routable[] =>
  Array.from({ length: count }, (_, index) => ({ id: `fsmt-${index}`, zone: ZONES[index % 3] }));

const path = fc.nat().map((number) => filePath(`tree/${number % 7}/file-${number}`));
const inFlight = fc.nat(100);
const load: fc.Arbitrary<TargetLoad> = fc.record({
  inFlight,
  speed: fc.oneof({ weight: 4, arbitrary: fc.constant(1) }, fc.constantFrom(0, 0.1, 0.5)),
});
const loadFactor = fc.double({ min: 1.05, max: 4, noNaN: true });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const snapshotOf = (loads: fc.Arbitrary<TargetLoad[]>): fc.Arbitrary<Snapshot> =>
  loads.chain((loads) =>
    fc.record({
      loads: fc.constant(loads),
      stayInZone: fc.boolean(),
      probe: fc.option(fc.nat(loads.length - 1), { nil: undefined }),
      spread: fc.option(fc.tuple(random, random), { nil: undefined }),
    }),
  );
const plain = (loads: readonly TargetLoad[], stayInZone = false): Snapshot => ({ loads, stayInZone });
const loads = (each = load, minLength = 1) => fc.array(each, { minLength, maxLength: 8 });
const fullSpeed = inFlight.map((number): TargetLoad => ({ inFlight: number, speed: 1 }));

const ids = (targets: readonly Routable[]) => targets.map(({ id }) => id);

describe.each(["bounded-load", "zone-aware"] as const)("%s", (strategy) => {
  test("gives the same answer for the same path and snapshot, with every target once", () => {
    fc.assert(
      fc.property(path, snapshotOf(loads()), loadFactor, (path, snapshot, loadFactor) => {
        const targets = targetsOf(snapshot.loads.length);
        const ranking = rankingOf(targets, strategy, { loadFactor, ownZone: ZONES[0] });
        const ranked = ids(ranking(path, snapshot));
        expect(ids(ranking(path, snapshot))).toEqual(ranked);
        expect(ranked.toSorted()).toEqual(ids(targets).sort());
      }),
    );
  });

  test("tries the target that is to be measured first", () => {
    fc.assert(
      fc.property(path, loads(fullSpeed), fc.nat(), (path, loads, number) => {
        const probe = number % loads.length;
        const ranked = rankingOf(targetsOf(loads.length), strategy, { ownZone: ZONES[0] })(path, {
          ...plain(loads, true),
          probe,
        });
        expect(ranked[0]?.id).toBe(`fsmt-${probe}`);
      }),
    );
  });
});

describe("bounded-load", () => {
  test("is rendezvous where all loads are equal", () => {
    fc.assert(
      fc.property(path, fc.integer({ min: 1, max: 8 }), inFlight, loadFactor, (path, count, inFlight, loadFactor) => {
        const targets = targetsOf(count);
        const equal = targets.map(() => ({ inFlight, speed: 1 }));
        const ranked = rankingOf(targets, "bounded-load", { loadFactor })(path, plain(equal));
        expect(ids(ranked)).toEqual(ids(rankingOf(targets)(path)));
      }),
    );
  });

  test("never chooses a target that is over its bound", () => {
    fc.assert(
      fc.property(path, loads(fullSpeed), loadFactor, (path, loads, loadFactor) => {
        const targets = targetsOf(loads.length);
        const [first] = rankingOf(targets, "bounded-load", { loadFactor })(path, plain(loads));
        const total = loads.reduce((sum, { inFlight }) => sum + inFlight, 1);
        const bound = Math.ceil((loadFactor * total) / loads.length);
        const chosen = loads[targets.findIndex(({ id }) => id === first?.id)];
        expect((chosen?.inFlight ?? Number.NaN) + 1).toBeLessThanOrEqual(bound);
      }),
    );
  });

  test("keeps every target within the bound while requests come and none ends, whatever their paths", () => {
    fc.assert(
      fc.property(fc.array(path, { minLength: 1, maxLength: 200 }), fc.integer({ min: 1, max: 6 }), (paths, count) => {
        const targets = targetsOf(count);
        const ranking = rankingOf(targets, "bounded-load");
        const counts = targets.map(() => 0);
        for (const [number, path] of paths.entries()) {
          const [first] = ranking(path, plain(counts.map((inFlight) => ({ inFlight, speed: 1 }))));
          const index = targets.findIndex(({ id }) => id === first?.id);
          counts[index] = (counts[index] ?? 0) + 1;
          expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil((1.25 * (number + 1)) / count));
        }
      }),
    );
  });

  test("moves a path between two targets that stay only where one of them got room or lost it", () => {
    fc.assert(
      fc.property(path, loads(fullSpeed, 2), (path, loads) => {
        const targets = targetsOf(loads.length);
        const before = rankingOf(targets, "bounded-load")(path, plain(loads));
        const after = rankingOf(targets.slice(1), "bounded-load")(path, plain(loads.slice(1)));
        const [from, to] = [before[0]?.id, after[0]?.id];
        if (from === to || from === "fsmt-0") return;
        const hasRoom = (id: string | undefined, among: readonly TargetLoad[]) => {
          const total = among.reduce((sum, { inFlight }) => sum + inFlight, 1);
          const own = loads[targets.findIndex((target) => target.id === id)];
          return (own?.inFlight ?? Number.NaN) < (1.25 * total) / among.length;
        };
        const rooms = (among: readonly TargetLoad[]) => [hasRoom(from, among), hasRoom(to, among)];
        expect(rooms(loads.slice(1))).not.toEqual(rooms(loads));
      }),
    );
  });

  test("gives a slow target less than its share, by its speed, and never the only request", () => {
    fc.assert(
      fc.property(fc.array(path, { minLength: 300, maxLength: 300 }), (paths) => {
        const targets = targetsOf(3);
        const ranking = rankingOf(targets, "bounded-load");
        const counts = [0, 0, 0];
        for (const path of paths) {
          const loads = counts.map((inFlight, index) => ({ inFlight, speed: index === 0 ? 0.1 : 1 }));
          const [first] = ranking(path, plain(loads));
          const index = targets.findIndex(({ id }) => id === first?.id);
          counts[index] = (counts[index] ?? 0) + 1;
          if (counts.reduce((sum, count) => sum + count) === 1) expect(counts[0]).toBe(0);
        }
        expect(counts[0]).toBeLessThanOrEqual((1.25 * 300 * 0.1) / 2.1);
      }),
    );
  });

  test("sends a hot path to the less loaded of two targets, and to each of them at some time", () => {
    fc.assert(
      fc.property(path, loads(fullSpeed, 2), random, random, (path, loads, one, other) => {
        const targets = targetsOf(loads.length);
        const [first] = rankingOf(targets, "bounded-load")(path, { ...plain(loads), spread: [one, other] });
        const chosen = loads[targets.findIndex(({ id }) => id === first?.id)]?.inFlight ?? Number.NaN;
        const others = loads.filter((_, index) => targets[index]?.id !== first?.id);
        expect(others.some(({ inFlight }) => inFlight >= chosen)).toBe(true);
      }),
    );
    const targets = targetsOf(3);
    const seen = new Set<string | undefined>();
    const idle = targets.map(() => ({ inFlight: 0, speed: 1 }));
    for (const one of [0, 0.4, 0.7]) {
      const snapshot: Snapshot = { ...plain(idle), spread: [one, 0.5] };
      seen.add(rankingOf(targets, "bounded-load")(filePath("hot"), snapshot)[0]?.id);
    }
    expect(seen.size).toBe(3);
  });
});

describe("zone-aware", () => {
  const own = { ownZone: ZONES[1] };
  const three = fc.tuple(fullSpeed, fullSpeed, fullSpeed);

  test("stays in its zone while its target is as fast as the others, however loaded it is", () => {
    fc.assert(
      fc.property(path, three, (path, loads) => {
        expect(rankingOf(targetsOf(3), "zone-aware", own)(path, plain(loads, true))[0]?.id).toBe("fsmt-1");
      }),
    );
  });

  test("stays in its zone also with a slower target, as long as that has room", () => {
    fc.assert(
      fc.property(path, three, (path, loads) => {
        const total = loads.reduce((sum, { inFlight }) => sum + inFlight, 1);
        const hasRoom = loads[1].inFlight < (1.25 * total) / 3;
        const first = rankingOf(targetsOf(3), "zone-aware", own)(path, plain(loads))[0]?.id;
        const bounded = rankingOf(targetsOf(3), "bounded-load")(path, plain(loads))[0]?.id;
        expect(first).toBe(hasRoom ? "fsmt-1" : bounded);
      }),
    );
  });

  test("is bounded-load without a connected target in its zone", () => {
    fc.assert(
      fc.property(path, three, fc.boolean(), (path, loads, stayInZone) => {
        const snapshot = plain(loads, stayInZone);
        const elsewhere = rankingOf(targetsOf(3), "zone-aware", { ownZone: "ap-northeast-1b" })(path, snapshot);
        expect(ids(elsewhere)).toEqual(ids(rankingOf(targetsOf(3), "bounded-load")(path, snapshot)));
        const lost = plain([loads[0], { inFlight: 0, speed: 0 }, loads[2]], stayInZone);
        const ranked = rankingOf(targetsOf(3), "zone-aware", own)(path, lost);
        expect(ids(ranked)).toEqual(ids(rankingOf(targetsOf(3), "bounded-load")(path, lost)));
      }),
    );
  });

  test("is rendezvous when more than half of the targets are not well", () => {
    fc.assert(
      fc.property(path, three, fc.boolean(), fc.constantFrom(0, 0.2), (path, loads, stayInZone, speed) => {
        const snapshot = plain([loads[0], { ...loads[1], speed }, { ...loads[2], speed }], stayInZone);
        const ranked = rankingOf(targetsOf(3), "zone-aware", own)(path, snapshot);
        expect(ids(ranked)).toEqual(ids(rankingOf(targetsOf(3))(path)));
      }),
    );
  });
});
