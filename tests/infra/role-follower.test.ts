import { parseRegionRole, type RegionRole, serializeRegionRole, supersedes } from "@efs-mount-autoscaling/mount-table";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ConfiguredRole, followRole } from "../../components/role-follower.ts";
import { createAccount, REGION } from "../../local/account.ts";
import { type ControlPlane, startControlPlane } from "../../local/control-plane/server.ts";
import { ssm } from "../../local/control-plane/ssm.ts";
import { stubAws } from "../support/aws-environment.ts";

const NAME = "/efs-mount-autoscaling/region";
const CHANGED_AT = "2026-11-29T00:00:00.000Z";

const DOCUMENT: RegionRole = {
  role: "standby",
  epoch: 4,
  region: REGION,
  peer: { region: "ap-northeast-3", url: "https://files.osaka.example.com", parameter_name: "/osaka/region" },
  alone: false,
  takeovers: [],
  changed_at: CHANGED_AT,
  note: "kept",
};

const CONFIGURED: ConfiguredRole = {
  parameterName: NAME,
  role: "standby",
  region: REGION,
  peerRegion: "ap-northeast-3",
  peerUrl: "https://files.osaka.example.com",
  peerParameterName: "/osaka/region",
};

let controlPlane: ControlPlane;

/** What somebody else writes between this one's reading and writing, one after the other. */
let inBetween: RegionRole[];

beforeEach(async () => {
  inBetween = [];
  controlPlane = await startControlPlane({
    state: createAccount(new Date()),
    onCall: ({ operation }) => {
      const [theirs] = operation === "PutParameter" ? inBetween.splice(0, 1) : [];
      if (theirs === undefined) return undefined;
      const input = { Name: NAME, Value: serializeRegionRole(theirs), Overwrite: true };
      controlPlane.run(ssm.PutParameter, input);
      return undefined;
    },
  });
  stubAws(controlPlane.url);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await controlPlane.close();
});

function write(document: RegionRole): void {
  controlPlane.update((state) => ({
    ...state,
    parameters: [
      {
        name: NAME,
        type: "String",
        tier: "Standard",
        value: serializeRegionRole(document),
        version: 1,
        lastModifiedDate: new Date(),
      },
    ],
  }));
}

const written = () => {
  const [parameter] = controlPlane.state().parameters;
  return { version: parameter?.version, document: parseRegionRole(parameter?.value ?? "") };
};

test("a role that the region has not is refused, with what to run first", async () => {
  write(DOCUMENT);
  await expect(followRole({ ...CONFIGURED, role: "primary" }, CONFIGURED)).rejects.toThrow(
    "role is primary, but ap-northeast-1 is standby: change the roles first, with npm run failover -- promote",
  );
  write({ ...DOCUMENT, role: "primary" });
  await expect(followRole(CONFIGURED, { ...CONFIGURED, role: "primary" })).rejects.toThrow(
    "role is standby, but ap-northeast-1 is primary: change the roles first, with npm run failover -- failback",
  );
  write({ ...DOCUMENT, role: "frozen" });
  await expect(followRole({ ...CONFIGURED, role: "primary" }, CONFIGURED)).rejects.toThrow("is frozen");
  expect(written().version).toBe(1);
});

test("a role that the region has is followed, and nothing is written", async () => {
  write({ ...DOCUMENT, role: "primary" });
  await followRole({ ...CONFIGURED, role: "primary" }, CONFIGURED);
  expect(written().version).toBe(1);
});

test("a stack whose configuration has not changed does not care for a failover", async () => {
  write({ ...DOCUMENT, role: "primary" });
  await followRole(CONFIGURED, CONFIGURED);
  expect(written()).toEqual({ version: 1, document: { ...DOCUMENT, role: "primary" } });
});

test("another address of the peer comes into the document, and all else stays", async () => {
  write(DOCUMENT);
  const url = "https://files.example.com";
  await followRole({ ...CONFIGURED, peerUrl: url }, CONFIGURED);
  const { version, document } = written();
  expect(version).toBe(2);
  expect(document).toEqual({
    ...DOCUMENT,
    peer: { ...DOCUMENT.peer, url },
    changed_at: expect.any(String),
  });
  expect(Date.parse(document.changed_at)).toBeGreaterThan(Date.parse(CHANGED_AT));
});

test("where routers confirm their role comes into the document, and goes again", async () => {
  write(DOCUMENT);
  const peerEndpoint = "https://vpce-0a0a0a0a.ssm.ap-northeast-3.vpce.amazonaws.com";
  await followRole({ ...CONFIGURED, peerEndpoint }, CONFIGURED);
  expect(written().document.peer).toEqual({ ...DOCUMENT.peer, endpoint: peerEndpoint });
  await followRole({ ...CONFIGURED, peerParameterName: undefined }, CONFIGURED);
  expect(written().document.peer).toEqual({ region: DOCUMENT.peer.region, url: DOCUMENT.peer.url });
});

test("a document never gets older, however wrong the clock is", async () => {
  const changed_at = "2126-11-29T00:00:00.000Z";
  write({ ...DOCUMENT, changed_at });
  await followRole({ ...CONFIGURED, peerUrl: "https://files.example.com" }, CONFIGURED);
  expect(Date.parse(written().document.changed_at)).toBeGreaterThan(Date.parse(changed_at));
});

describe("while the failover program writes, too", () => {
  const url = "https://files.example.com";
  const promoted = (epoch: number): RegionRole => ({
    ...DOCUMENT,
    role: "primary",
    epoch,
    changed_at: "2126-11-29T00:00:00.000Z",
  });

  test("what it wrote in between is not replaced by an older role or epoch", async () => {
    write(DOCUMENT);
    inBetween = [promoted(6), promoted(8)];
    await followRole({ ...CONFIGURED, peerUrl: url }, CONFIGURED);
    const { document } = written();
    expect(document).toEqual({
      ...promoted(8),
      peer: { ...DOCUMENT.peer, url },
      changed_at: expect.any(String),
    });
    expect(supersedes(document, promoted(8))).toBe(true);
  });

  test("it does not go on for ever, and says what to do", async () => {
    write(DOCUMENT);
    inBetween = Array.from({ length: 100 }, (_, index) => promoted(6 + 2 * index));
    await expect(followRole({ ...CONFIGURED, peerUrl: url }, CONFIGURED)).rejects.toThrow("run pulumi up again when");
    expect(inBetween.length).toBeGreaterThan(80);
  });
});
