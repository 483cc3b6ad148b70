import {
  nextEpoch,
  parseRegionRole,
  type RegionRole,
  RegionRoleError,
  serializeRegionRole,
  supersedes,
} from "@efs-mount-autoscaling/mount-table";
import fc from "fast-check";
import { expect, test } from "vitest";

const time = fc
  .date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());
const regionRole: fc.Arbitrary<RegionRole> = fc.record({
  role: fc.constantFrom("primary", "standby", "frozen"),
  epoch: fc.nat(),
  region: fc.string({ minLength: 1 }),
  peer: fc.record(
    {
      region: fc.string({ minLength: 1 }),
      url: fc.webUrl({ validSchemes: ["http", "https"] }),
      parameter_name: fc.string({ minLength: 1 }),
      endpoint: fc.webUrl({ validSchemes: ["http", "https"] }),
    },
    { requiredKeys: ["region"] },
  ),
  alone: fc.boolean(),
  takeovers: fc.array(fc.record({ epoch: fc.nat().map((n) => n + 1), replicated_until: time })),
  changed_at: time,
});

test("any role survives the round trip, with the keys that nobody knows", () => {
  fc.assert(
    fc.property(regionRole, fc.string(), (role, note) => {
      const document = { ...role, note, peer: { ...role.peer, note } };
      expect(parseRegionRole(serializeRegionRole(document))).toEqual(document);
    }),
  );
});

test("equal roles are equal bytes, whatever the order of their keys", () => {
  fc.assert(
    fc.property(regionRole, (role) => {
      const reversed = Object.fromEntries(Object.entries(role).reverse()) as RegionRole;
      expect(serializeRegionRole(reversed)).toBe(serializeRegionRole(role));
    }),
  );
});

const VALID = {
  role: "standby",
  epoch: 1,
  region: "ap-northeast-3",
  peer: { region: "ap-northeast-1" },
  changed_at: "2026-11-29T00:00:00Z",
};

test("what may be absent has a value that is safe", () => {
  expect(parseRegionRole(JSON.stringify(VALID))).toEqual({ ...VALID, alone: false, takeovers: [] });
});

test.each([
  [{ role: "leader" }, "role: must be one of primary, standby, frozen"],
  [{ epoch: -1 }, "epoch: "],
  [{ epoch: 1.5 }, "epoch: "],
  [{ region: "" }, "region: "],
  [{ peer: undefined }, "peer: "],
  [{ peer: { region: "ap-northeast-1", url: "files.example" } }, "peer.url: must be a URL like https://files.example"],
  [{ alone: "yes" }, "alone: "],
  [
    { takeovers: [{ epoch: 2, replicated_until: "yesterday" }] },
    "takeovers[0].replicated_until: must be a time in UTC",
  ],
  [{ changed_at: "29 November" }, "changed_at: must be a time in UTC"],
])("%j is refused, and the error names the field", (change, problem) => {
  const text = JSON.stringify({ ...VALID, ...change });
  expect(() => parseRegionRole(text)).toThrow(RegionRoleError);
  expect(() => parseRegionRole(text)).toThrow(`The role of the region is not valid: ${problem}`);
});

test("what is not JSON is refused", () => {
  expect(() => parseRegionRole("primary")).toThrow("The role of the region is not JSON");
});

test("of two documents one supersedes the other, or they are of one moment", () => {
  fc.assert(
    fc.property(regionRole, regionRole, (a, b) => {
      const sameMoment = a.epoch === b.epoch && a.changed_at === b.changed_at;
      expect([supersedes(a, b), supersedes(b, a)].filter(Boolean)).toHaveLength(sameMoment ? 0 : 1);
    }),
  );
});

test("the next epoch is higher than all that was seen, by as little as can be, and never the peer's", () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(1_000), (seenByOne, seenByOther) => {
      const one = nextEpoch(seenByOne, "ap-northeast-1", "ap-northeast-3");
      const other = nextEpoch(seenByOther, "ap-northeast-3", "ap-northeast-1");
      expect(one).not.toBe(other);
      expect(one - seenByOne).toBeGreaterThanOrEqual(1);
      expect(one - seenByOne).toBeLessThanOrEqual(2);
      expect(other - seenByOther).toBeGreaterThanOrEqual(1);
      expect(other - seenByOther).toBeLessThanOrEqual(2);
    }),
  );
});
