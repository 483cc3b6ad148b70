/** `/hotspots`: the paths and directories that this router is asked for most, for operators. */
import { HOT_SPOT_WINDOW, mergeHotSpotAnswers } from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import type { WorkerGroup } from "../../workers/group.ts";
import { wholeNumberUpTo } from "./whole-number.ts";

interface HotSpotRoutesOptions {
  readonly group: WorkerGroup;
}

const MAX_RANKS = 100;

const ranks = z.array(
  z.object({
    path: z.string().describe("A long one is cut, with a hash at its end."),
    share: z.number().describe("Of all, from 0 to 1. Too high by at most `shareError`."),
    shareError: z.number(),
    perSecond: z.number(),
  }),
);

const byWeight = z.object({ byRequests: ranks, byBytes: ranks });

const hotSpotReport = z.object({
  windowSeconds: z.number().describe("What was counted fades to 1/e in this time."),
  hot: z.array(z.string()).describe("Paths above the share that makes them hot: see `hotSpotShare`."),
  sharedReads: z.number().describe("Requests that got what was read for another one, since the start."),
  paths: byWeight,
  directories: byWeight,
});

export const hotSpotRoutes: FastifyPluginAsyncZod<HotSpotRoutesOptions> = async (app, { group }) => {
  app.route({
    method: "GET",
    url: "/hotspots",
    schema: {
      tags: ["operations"],
      operationId: "getHotSpots",
      summary: "The paths and directories that this router is asked for most",
      querystring: z.object({
        top: wholeNumberUpTo(MAX_RANKS).default(10).describe("How many of each kind."),
      }),
      response: { 200: hotSpotReport },
    },
    handler: async ({ query }) => ({
      windowSeconds: HOT_SPOT_WINDOW / 1_000,
      ...mergeHotSpotAnswers(await group.ask("hotSpots"), query.top),
    }),
  });
};
