/** What the failover program reads and writes in AWS. An older role never takes the place of a newer one unseen. */
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseRegionRole, type RegionRole, serializeRegionRole } from "@efs-mount-autoscaling/mount-table";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { awsWorld } from "../../../failover/aws.ts";
import { NotNowError } from "../../../failover/run.ts";
import { createAccount, OSAKA, TOKYO } from "../../../local/account.ts";
import { AwsError } from "../../../local/control-plane/aws-error.ts";
import { type ControlPlane, startControlPlane } from "../../../local/control-plane/server.ts";
import { ssm } from "../../../local/control-plane/ssm.ts";
import { REGION_PARAMETER_NAME } from "../../../local/environments.ts";
import { stubAws } from "../../support/aws-environment.ts";
import { standbyRole } from "../../support/region.ts";

let controlPlane: ControlPlane;
let world: ReturnType<typeof awsWorld>;
/** Emits the name of each operation that is called. */
const asked = new EventEmitter();
/** What somebody else writes between this program's reading and writing. */
let theirs: RegionRole | undefined;

/** What every call is answered with. */
let throttled: AwsError | undefined;
/** How many responses to PutParameter are lost. */
let lost = 0;

beforeEach(async () => {
  theirs = undefined;
  throttled = undefined;
  lost = 0;
  controlPlane = await startControlPlane({
    state: createAccount(new Date()),
    onCall: ({ operation }) => {
      asked.emit(operation);
      if (throttled !== undefined) return { takesEffect: false, response: throttled };
      const between = operation === "PutParameter" ? theirs : undefined;
      theirs = operation === "PutParameter" ? undefined : theirs;
      if (between !== undefined) put(between);
      if (operation !== "PutParameter" || lost === 0) return undefined;
      lost -= 1;
      return { takesEffect: true, response: "connection-closed" };
    },
  });
  stubAws(controlPlane.url);
  world = worldWith({});
});

function worldWith(outputs: { readonly url?: string }): ReturnType<typeof awsWorld> {
  const here = { regionParameterName: REGION_PARAMETER_NAME, roleLeaseSeconds: 120, endpoint: controlPlane.url };
  return awsWorld({
    home: { region: TOKYO.region, fileSystemId: TOKYO.fileSystemId, ...here, ...outputs },
    standby: { region: OSAKA.region, fileSystemId: OSAKA.fileSystemId, ...here, ...outputs },
  });
}

afterEach(async () => {
  world.close();
  vi.unstubAllEnvs();
  await controlPlane.close();
});

function put(role: RegionRole): void {
  const Value = serializeRegionRole(role);
  controlPlane.run(ssm.PutParameter, { Name: REGION_PARAMETER_NAME, Value, Type: "String", Overwrite: true });
}

const written = () => parseRegionRole(controlPlane.state().parameters[0]?.value ?? "");
const write = (role: RegionRole) => world.act({ kind: "write-role", side: "home", role });
const roleOf = (epoch: number, time: number) => standbyRole({ epoch, changed_at: new Date(time).toISOString() });

test("a newer role is written", async () => {
  put(roleOf(1, 1));
  await write(roleOf(1, 2));
  expect(written()).toEqual(roleOf(1, 2));
  await write(roleOf(4, 0));
  expect(written()).toEqual(roleOf(4, 0));
});

test.each([
  ["of a lower epoch", roleOf(3, 9)],
  ["of the same epoch, and older", roleOf(4, 4)],
  ["that is there already", roleOf(4, 5)],
])("a role %s is not written", async (_case, role) => {
  put(roleOf(4, 5));
  await expect(write(role)).rejects.toThrow("Somebody else has written the role in /efs-mount-autoscaling/region, too");
  expect(written()).toEqual(roleOf(4, 5));
});

test("that somebody else has written in between is said, and not taken for success", async () => {
  put(roleOf(1, 1));
  theirs = roleOf(2, 2);
  await expect(write(roleOf(1, 3))).rejects.toThrow("find out who, and run the command again");
});

test("a write that the SDK repeats, since its response was lost, is not taken for somebody else's", async () => {
  put(roleOf(1, 1));
  lost = 1;
  await write(roleOf(1, 2));
  expect(written()).toEqual(roleOf(1, 2));
  expect(controlPlane.state().parameters[0]?.version).toBe(3);
});

test("that somebody else has written before a write that is repeated is said", async () => {
  put(roleOf(1, 1));
  theirs = roleOf(2, 2);
  lost = 1;
  await expect(write(roleOf(1, 3))).rejects.toThrow("find out who, and run the command again");
});

test.each(["ThrottlingException", "TooManyRequestsException"])(
  "a region that answers %s is neither lost nor refuses",
  async (code) => {
    put(roleOf(1, 1));
    throttled = new AwsError(code, 429, "Rate exceeded");
    await expect(world.look("home")).rejects.toThrow(new NotNowError(TOKYO.region, `${code}: Rate exceeded`));
    throttled = undefined;
    expect(await world.look("home")).toMatchObject({ reachable: true });
  },
);

test("how long a role has been there is by the clock of AWS, whatever the operator's clock says", async () => {
  const HOUR = 3_600_000;
  const now = Date.now();
  try {
    vi.useFakeTimers({ now: now - HOUR, toFake: ["Date"] });
    put(roleOf(1, 1));
    vi.setSystemTime(now + HOUR);
    const { roleAge } = await world.look("home");
    expect(Math.abs(roleAge - HOUR)).toBeLessThan(HOUR / 4);
  } finally {
    vi.useRealTimers();
  }
});

test("routers that answer only once the APIs were asked have answered: both are asked at once", async () => {
  const apisAsked = once(asked, "GetParameter");
  const routers = createServer((_request, response) => {
    void apisAsked.then(() => response.end(JSON.stringify({ writable: true })));
  }).listen(0, "127.0.0.1");
  await once(routers, "listening");
  const { port } = routers.address() as AddressInfo;
  const withRouters = worldWith({ url: `http://127.0.0.1:${port}` });
  try {
    expect(await withRouters.look("home")).toMatchObject({ reachable: true, routersAnswer: true, routersWrite: true });
  } finally {
    withRouters.close();
    routers.close();
    routers.closeAllConnections();
  }
});
