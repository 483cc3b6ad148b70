import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test } from "vitest";
import { findPeer, type PeerSource, requireElsewhere, requireOutput } from "../../components/peer.ts";
import { PROJECT } from "../../config.ts";
import { lookUp, REGION } from "./aws-stand-in.ts";

const OSAKA = { region: "ap-northeast-3", url: "https://files.osaka.example.com", fileSystemId: "fs-0a0a0a0a" };
const STACK = `organization/${PROJECT}/osaka`;

beforeEach(async () => {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({ id: name, state: { ...inputs, outputs: OSAKA, secretOutputNames: [] } }),
      call: ({ token, inputs }) => lookUp(token, inputs),
    },
    PROJECT,
    "tokyo",
  );
});

async function find(source: PeerSource) {
  const { region, url, fileSystemId } = findPeer(source) ?? {};
  return new Promise((resolve) => pulumi.all({ region, url, fileSystemId }).apply(resolve));
}

describe("the stack in the other region", () => {
  test("is none where nothing names one", () => {
    expect(findPeer({})).toBeUndefined();
  });

  test("is known by its outputs, or by values", async () => {
    expect(await find({ peerStack: STACK })).toEqual(OSAKA);
    expect(await find({ peer: OSAKA })).toEqual(OSAKA);
  });

  test("must have been deployed", () => {
    expect(requireOutput(STACK, "url", OSAKA.url)).toBe(OSAKA.url);
    expect(() => requireOutput(STACK, "url", undefined)).toThrow(
      `peerStack is ${STACK}, which has no output url: deploy it first, or give what it has as peer`,
    );
  });

  test("must be in another region", () => {
    expect(requireElsewhere(OSAKA.region, REGION, "peer")).toBe(OSAKA.region);
    expect(() => requireElsewhere(REGION, REGION, "peerStack")).toThrow(
      `peerStack is in ${REGION}, as this stack: a second region is another one`,
    );
  });
});
