import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test } from "vitest";
import { findPeer, requireElsewhere, requireOutput } from "../../components/peer.ts";
import { PROJECT } from "../../config.ts";
import { lookUp, REGION } from "./aws-stand-in.ts";

const OSAKA = { region: "ap-northeast-3", url: "https://files.osaka.example.com", fileSystemId: "fs-0a0a0a0a" };
/** What a stack puts out that has no endpoint and no connection. */
const OUTPUTS = { ...OSAKA, regionParameterName: "/osaka/region", ssmEndpoint: "none", peeringConnectionId: "none" };
const STACK = `organization/${PROJECT}/osaka`;

beforeEach(async () => {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({ id: name, state: { ...inputs, outputs: OUTPUTS, secretOutputNames: [] } }),
      call: ({ token, inputs }) => lookUp(token, inputs),
    },
    PROJECT,
    "tokyo",
  );
});

describe("the stack in the other region", () => {
  test("is none where nothing names one", async () => {
    expect(await findPeer({})).toBeUndefined();
  });

  test("is known by its outputs, or by values", async () => {
    expect(await findPeer({ peerStack: STACK })).toEqual({ ...OSAKA, regionParameterName: "/osaka/region" });
    expect(await findPeer({ peer: OSAKA })).toEqual(OSAKA);
  });

  test("must have been deployed", () => {
    expect(requireOutput(STACK, "url", OSAKA.url)).toBe(OSAKA.url);
    expect(() => requireOutput(STACK, "url", undefined)).toThrow(
      `peerStack is ${STACK}, which has no output url: deploy it first, or give what it has as peer`,
    );
  });

  test("must be in another region", async () => {
    expect(requireElsewhere(OSAKA.region, REGION, "peer")).toBe(OSAKA.region);
    await expect(findPeer({ peer: { ...OSAKA, region: REGION } })).rejects.toThrow("peer is in");
    expect(() => requireElsewhere(REGION, REGION, "peerStack")).toThrow(
      `peerStack is in ${REGION}, as this stack: a second region is another one`,
    );
  });
});
