/** Where the names of two regions lead, while the two stacks change their roles one after the other. */
import { beforeAll, describe, expect, test } from "vitest";
import { answersOf, conflictIn, parseRecord, type ZoneRecord } from "../support/route53.ts";
import { CONFIGURATIONS } from "./configurations.ts";
import { registerStack } from "./stack.ts";

type Role = "primary" | "standby";
type City = "tokyo" | "osaka";

const { sharedDomainName, readDomainName, ...PRIMARY } = CONFIGURATIONS["the primary of two regions"];

/** The records of a stack with this role. */
let recordsOf: Readonly<Record<Role, readonly ZoneRecord[]>>;

beforeAll(async () => {
  const register = async (role: Role) => {
    const { resources } = await registerStack({ ...PRIMARY, sharedDomainName, readDomainName, role });
    return resources.filter(({ name }) => name.startsWith("regional-dns-")).map(({ inputs }) => parseRecord(inputs));
  };
  // One after the other: the program's runtime is one.
  const primary = await register("primary");
  recordsOf = { primary, standby: await register("standby") };
});

/** The records of both stacks, each under the region of its own. */
function zoneOf(roles: Partial<Record<City, Role>>): ZoneRecord[] {
  return Object.entries(roles).flatMap(([city, role]) =>
    recordsOf[role].map((record) => ({
      ...record,
      setIdentifier: city,
      ...(record.region !== undefined && { region: city }),
    })),
  );
}

interface Moment {
  readonly moment: string;
  /** What the stacks' configurations say. */
  readonly roles: Partial<Record<City, Role>>;
  readonly healthy: readonly City[];
  readonly leadsTo: readonly City[];
}

/** The steps of docs/disaster-recovery.md. */
const MOMENTS: readonly Moment[] = [
  { moment: "only the standby has the name", roles: { osaka: "standby" }, healthy: ["osaka"], leadsTo: ["osaka"] },
  { moment: "only the primary has the name", roles: { tokyo: "primary" }, healthy: ["tokyo"], leadsTo: ["tokyo"] },
  {
    moment: "both regions are well",
    roles: { tokyo: "primary", osaka: "standby" },
    healthy: ["tokyo", "osaka"],
    leadsTo: ["tokyo"],
  },
  {
    moment: "the standby is lost",
    roles: { tokyo: "primary", osaka: "standby" },
    healthy: ["tokyo"],
    leadsTo: ["tokyo"],
  },
  {
    moment: "the primary is lost, and its stack cannot be changed",
    roles: { tokyo: "primary", osaka: "standby" },
    healthy: ["osaka"],
    leadsTo: ["osaka"],
  },
  {
    moment: "no router is healthy",
    roles: { tokyo: "primary", osaka: "standby" },
    healthy: [],
    leadsTo: ["tokyo"],
  },
  {
    moment: "the stack of the promoted region says so",
    roles: { tokyo: "primary", osaka: "primary" },
    healthy: ["osaka"],
    leadsTo: ["osaka"],
  },
  {
    moment: "the lost region is back before its stack knows",
    roles: { tokyo: "primary", osaka: "primary" },
    healthy: ["tokyo", "osaka"],
    leadsTo: ["tokyo", "osaka"],
  },
  {
    moment: "the stack of the lost region has the name no more",
    roles: { osaka: "primary" },
    healthy: ["tokyo", "osaka"],
    leadsTo: ["osaka"],
  },
  {
    moment: "come back",
    roles: { tokyo: "primary", osaka: "standby" },
    healthy: ["tokyo", "osaka"],
    leadsTo: ["tokyo"],
  },
  {
    moment: "stay",
    roles: { tokyo: "standby", osaka: "primary" },
    healthy: ["tokyo", "osaka"],
    leadsTo: ["osaka"],
  },
  {
    moment: "the other order of staying",
    roles: { tokyo: "standby", osaka: "standby" },
    healthy: ["tokyo", "osaka"],
    leadsTo: ["tokyo", "osaka"],
  },
];

describe("the name that leads to the primary", () => {
  test.each(MOMENTS)("$moment", ({ roles, healthy, leadsTo }) => {
    const zone = zoneOf(roles);
    expect(conflictIn(zone)).toBeUndefined();
    const answers = answersOf(zone, sharedDomainName, ({ setIdentifier }) =>
      healthy.some((city) => city === setIdentifier),
    );
    expect(answers.map(({ setIdentifier }) => setIdentifier)).toEqual(leadsTo);
  });
});

describe("the stand-in for Route 53 refuses", () => {
  const record = { name: "files.example.com", type: "CNAME", healthCheckId: "check" };
  const primary = { failoverRoutingPolicies: [{ type: "PRIMARY" }] };
  const ofTokyo = { latencyRoutingPolicies: [{ region: "ap-northeast-1" }] };
  const weighted = { weightedRoutingPolicies: [{ weight: 1 }] };

  test.each([
    ["a second primary", primary, primary, "two records are PRIMARY"],
    ["two policies of one name", primary, weighted, "failover beside weight"],
    ["a region twice", ofTokyo, ofTokyo, "two records are ap-northeast-1"],
  ])("%s", (_what, one, other, conflict) => {
    const zone = [one, other].map((policy, index) => parseRecord({ ...record, ...policy, setIdentifier: `${index}` }));
    expect(conflictIn(zone)).toBe(conflict);
    expect(conflictIn(zone.slice(1))).toBeUndefined();
  });
});
