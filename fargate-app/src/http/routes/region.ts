/** `/region`: the role of this router's region, for operators, clients, and whoever is about to take over. */
import { ROLES } from "@efs-mount-autoscaling/mount-table";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import { REFUSALS } from "../../region/authority.ts";
import type { Region } from "../../region/region.ts";
import { reportOn } from "../../region/report.ts";
import { NO_SECURITY } from "../plugins/openapi.ts";

interface RegionRoutesOptions {
  readonly region: Region;
}

const regionStatus = z.object({
  writable: z.boolean().describe("Whether this router takes writes now."),
  reason: z.enum(REFUSALS).optional().describe("Why it takes none."),
  role: z.enum(ROLES).optional().describe("Absent until it is known."),
  epoch: z.int().optional().describe("Grows with every change of the primary."),
  region: z.string().optional(),
  peer: z.object({ region: z.string(), url: z.string().optional() }).optional(),
  replicaLagSeconds: z.number().optional().describe("How far the replica is behind at most, where this is a standby."),
});

export const regionRoutes: FastifyPluginAsyncZod<RegionRoutesOptions> = async (app, { region }) => {
  app.route({
    method: "GET",
    url: "/region",
    // Whoever is about to declare another primary may not have the token of this one.
    config: { access: "public" },
    schema: {
      tags: ["operations"],
      security: NO_SECURITY,
      operationId: "getRegion",
      summary: "The role of this region, where there are two",
      response: { 200: regionStatus },
    },
    handler: async () => reportOn(region),
  });
};
