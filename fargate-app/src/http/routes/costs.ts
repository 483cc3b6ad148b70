/** `/costs`: what this router has cost at EFS and between zones so far, and would in a month. */
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import type { Meter } from "../../metering/meter.ts";
import { METERED_KINDS } from "../../metering/metering.ts";
import { PRICES_AS_OF, pricesOf, throughputCost, zoneCost } from "../../metering/prices.ts";
import type { RoutedFiles } from "../../router/routed-files.ts";

interface CostRoutesOptions {
  readonly files: RoutedFiles;
  readonly meter: Meter;
  readonly region: string | undefined;
}

const SECONDS_IN_A_MONTH = 730 * 3_600;

const bounds = z.object({ lower: z.number(), upper: z.number() });
const bytes = z.record(z.enum(METERED_KINDS), z.number());
const dollars = z.object({
  throughput: bounds.describe("Of EFS with elastic throughput; the other modes bill none of it."),
  acrossZones: z.number().optional().describe("Unknown where the router does not know its zone."),
});

const costs = z.object({
  seconds: z.number().describe("Since the router started; all of this is of this router alone."),
  meteredBytes: z
    .object({ lower: bytes, upper: bytes })
    .describe("How EFS meters a COMPOUND is not documented in full."),
  bytesAcrossZones: z.number().optional(),
  pricesAsOf: z.string(),
  dollars: dollars.optional().describe("Absent in regions whose prices are not known here."),
  dollarsAMonth: dollars.optional().describe("If it goes on as it did so far."),
});

export const costRoutes: FastifyPluginAsyncZod<CostRoutesOptions> = async (app, { files, meter, region }) => {
  app.route({
    method: "GET",
    url: "/costs",
    schema: {
      tags: ["operations"],
      summary: "What this router has cost at EFS and between zones, estimated",
      response: { 200: costs },
    },
    handler: async (): Promise<z.infer<typeof costs>> => {
      const seconds = process.uptime();
      const { lower, upper } = meter.total;
      const bytesAcrossZones = files.bytesAcrossZones;
      const prices = pricesOf(region);
      const times = (factor: number) =>
        prices && {
          throughput: {
            lower: throughputCost(lower, prices) * factor,
            upper: throughputCost(upper, prices) * factor,
          },
          acrossZones: bytesAcrossZones === undefined ? undefined : zoneCost(bytesAcrossZones, prices) * factor,
        };
      return {
        seconds,
        meteredBytes: { lower, upper },
        bytesAcrossZones,
        pricesAsOf: PRICES_AS_OF,
        dollars: times(1),
        dollarsAMonth: times(SECONDS_IN_A_MONTH / seconds),
      };
    },
  });
};
