import { describe, expect, test } from "vitest";
import {
  Balancer,
  type BalancerOptions,
  type Measured,
  type Request,
} from "../../../../packages/routed-files/src/routing/balancer.ts";
import { LoadMeter } from "../../../../packages/routed-files/src/routing/load-meter.ts";
import { filePath } from "../../../../packages/routed-files/src/routing/path.ts";

interface TestTarget extends Measured {
  isConnected: boolean;
}

/** Three targets, one in each zone, and a clock that stands still unless it is told to go on. */
function balance(options: Omit<BalancerOptions, "now">) {
  const targets = ["a", "c", "d"].map(
    (zone): TestTarget => ({ id: `fsmt-${zone}`, zone, meter: new LoadMeter(), isConnected: true }),
  );
  let time = 0;
  const balancer = new Balancer(targets, { ...options, now: () => time });
  const targetOf = (zone: string) => {
    const target = targets.find((each) => each.zone === zone);
    if (target === undefined) throw new Error(`There is no target in zone ${zone}`);
    return target;
  };
  return {
    targetOf,
    wait: (milliseconds: number) => {
      time += milliseconds;
    },
    /** So many responses, at once. */
    respond: (zone: string, latency: number, count = 15) => {
      for (let response = 0; response < count; response++) balancer.measure(targetOf(zone), latency);
    },
    zoneOf: (path: string, request?: Request) => balancer.rank(filePath(path), request)[0]?.zone,
  };
}

describe("a router that stays in its zone", () => {
  const inZone = { strategy: "zone-aware", ownZone: "c" } as const;

  test("leaves it as soon as its target is slow, and comes back when that has been well for ten seconds", () => {
    const { respond, wait, zoneOf, targetOf } = balance(inZone);
    for (const zone of ["a", "c", "d"]) respond(zone, 2, 75);
    const busy = targetOf("c");
    for (let request = 0; request < 10; request++) busy.meter.begin();
    expect(zoneOf("x")).toBe("c");
    respond("c", 20, 30);
    expect(zoneOf("x")).not.toBe("c");
    // The slow samples fade: until then the target is still slow, and after that it has to be well for a while.
    let nearAfter = 0;
    let backAfter = 0;
    for (let second = 1; second <= 60; second++) {
      wait(1_000);
      respond("c", 2);
      if (nearAfter === 0 && (busy.meter.latency.mean ?? 0) <= 3) nearAfter = second;
      if (backAfter === 0 && zoneOf("x") === "c") backAfter = second;
    }
    expect(nearAfter).toBeGreaterThan(0);
    expect(backAfter).toBe(nearAfter + 10);
  });

  test("does not leave it for one slow response among many", () => {
    const { respond, zoneOf, targetOf } = balance(inZone);
    for (const zone of ["a", "c", "d"]) respond(zone, 2, 75);
    for (let request = 0; request < 10; request++) targetOf("c").meter.begin();
    respond("c", 500, 1);
    respond("c", 2, 14);
    expect(zoneOf("x")).toBe("c");
  });

  test("goes to the others while its target is lost", () => {
    const { zoneOf, targetOf } = balance(inZone);
    targetOf("c").isConnected = false;
    expect(zoneOf("x")).not.toBe("c");
    targetOf("c").isConnected = true;
    expect(zoneOf("x")).toBe("c");
  });

  test("sends hot paths to its own target too", () => {
    const { zoneOf } = balance({ ...inZone, random: () => 0 });
    expect(zoneOf("x", { hot: true })).toBe("c");
  });
});

describe("a target that nothing is heard of", () => {
  const firsts = (zoneOf: (path: string, request?: Request) => string | undefined, request: Request, count = 1_280) =>
    Array.from({ length: count }, () => zoneOf("x", request));

  test("gets one of 128 requests that can measure it, and no more than one at a time", () => {
    const { wait, zoneOf, respond, targetOf } = balance({ strategy: "zone-aware", ownZone: "c" });
    for (const zone of ["a", "c", "d"]) respond(zone, 2, 75);
    wait(1_000);
    respond("c", 2);
    expect(firsts(zoneOf, { measures: true }).filter((zone) => zone === "a")).toHaveLength(10);
    targetOf("a").meter.begin();
    expect(firsts(zoneOf, { measures: true })).not.toContain("a");
    targetOf("d").meter.begin();
    expect(new Set(firsts(zoneOf, { measures: true }))).toEqual(new Set(["c"]));
  });

  test("gets one of 16 while little is known of it", () => {
    const { zoneOf, respond } = balance({ strategy: "zone-aware", ownZone: "c" });
    respond("c", 2, 75);
    expect(firsts(zoneOf, { measures: true }).filter((zone) => zone === "a")).toHaveLength(80);
    respond("a", 2, 75);
    expect(firsts(zoneOf, { measures: true }).filter((zone) => zone === "d")).toHaveLength(80);
  });

  test("gets as many as any other that nothing is heard of", () => {
    const { wait, zoneOf, respond } = balance({ strategy: "zone-aware", ownZone: "c" });
    for (const zone of ["a", "c", "d"]) respond(zone, 2, 75);
    const probed: (string | undefined)[] = [];
    for (let request = 0; request < 12_800; request++) {
      wait(10);
      const zone = zoneOf("x", { measures: true }) ?? "";
      respond(zone, 2, 1);
      if (zone !== "c") probed.push(zone);
    }
    expect(probed.filter((zone) => zone === "a").length).toBe(probed.filter((zone) => zone === "d").length);
    expect(probed.length).toBe(100);
  });

  test("gets one of 512 while it is slow, and the others no fewer for it", () => {
    const { wait, zoneOf, respond, targetOf } = balance({ strategy: "zone-aware", ownZone: "c" });
    respond("a", 20, 75);
    for (const zone of ["c", "d"]) respond(zone, 2, 75);
    wait(1_000);
    respond("c", 2);
    const zones = firsts(zoneOf, { measures: true }, 5_120);
    expect(zones.filter((zone) => zone === "a")).toHaveLength(10);
    expect(zones.filter((zone) => zone === "d")).toHaveLength(30);
    for (const zone of ["c", "d"]) targetOf(zone).meter.begin();
    expect(firsts(zoneOf, { measures: true }, 5_120).filter((zone) => zone === "a")).toHaveLength(10);
  });

  test("is not measured with requests that cannot, nor again within a second", () => {
    const { wait, zoneOf, respond } = balance({ strategy: "zone-aware", ownZone: "c" });
    expect(new Set(firsts(zoneOf, {}))).toEqual(new Set(["c"]));
    for (const zone of ["a", "c", "d"]) respond(zone, 2, 75);
    expect(new Set(firsts(zoneOf, { measures: true }))).toEqual(new Set(["c"]));
    wait(1_000);
    respond("c", 2);
    expect(firsts(zoneOf, { measures: true })).toContain("a");
  });
});

describe("rendezvous", () => {
  test("does not care for loads, latencies or heat", () => {
    const { zoneOf, respond, targetOf } = balance({ strategy: "rendezvous" });
    const before = zoneOf("x");
    for (const zone of ["a", "c", "d"]) {
      respond(zone, zone === before ? 2_000 : 2);
      if (zone === before) for (let request = 0; request < 100; request++) targetOf(zone).meter.begin();
    }
    for (let request = 0; request < 300; request++) expect(zoneOf("x", { hot: true, measures: true })).toBe(before);
  });
});

describe("the load of a target", () => {
  test("weighs a request by its bytes, up to what is in flight of one at a time", () => {
    const meter = new LoadMeter();
    const ends = [meter.begin(), meter.begin(), meter.carry(2 ** 20), meter.carry(2 ** 40)];
    expect(meter.inFlight).toBe(1 + 1 + 1 + 4);
    for (const end of ends) end();
    expect(meter.inFlight).toBe(0);
  });
});
