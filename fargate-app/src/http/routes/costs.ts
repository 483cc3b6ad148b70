/** `/costs`: what this router has cost at EFS and between zones so far, and would in a day and in a month. */
import {
  kindCost,
  type Meter,
  type Metered,
  type MeteredKind,
  PRICES_AS_OF,
  type Prices,
  pricesOf,
  SECONDS_IN_A_MONTH,
  throughputCost,
  zoneCost,
} from "@efs-mount-autoscaling/metering";
import type { RoutedFiles } from "@efs-mount-autoscaling/routed-files";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import * as z from "zod";
import type { WorkerGroup } from "../../workers/group.ts";

interface CostRoutesOptions {
  readonly group: WorkerGroup;
  readonly region: string | undefined;
}

const SECONDS_IN_A_DAY = 24 * 3_600;

/** Each kind by its name, and not any: clients are generated from the document of the API. */
function byKind<Of extends z.ZodType>(each: Of) {
  const kinds = { "data-read": each, "data-write": each, "metadata-read": each, "metadata-write": each };
  return z.object(kinds satisfies Record<MeteredKind, Of>);
}

const bounds = z.object({ lower: z.number(), upper: z.number() });
const bytes = byKind(z.number());
const dollars = z.object({
  throughput: bounds.describe("Of EFS with elastic throughput; the other modes bill none of it."),
  byKind: byKind(bounds).describe("The same, by what was done."),
  acrossZones: z.number().optional().describe("Unknown where the router does not know its zone."),
});

const costs = z.object({
  seconds: z.number().describe("Since the router started; all of this is of this router alone."),
  meteredBytes: z
    .object({ lower: bytes, upper: bytes })
    .describe("How EFS meters a COMPOUND is not documented in full."),
  bytesAcrossZones: z.number().optional(),
  targets: z
    .array(
      z.object({
        id: z.string(),
        availabilityZone: z.string(),
        bytesAcrossZones: z.number().optional(),
        dollarsAcrossZones: z.number().optional(),
      }),
    )
    .describe("The mount targets in use: those of other zones cost."),
  pricesAsOf: z.string(),
  dollars: dollars.optional().describe("Absent in regions whose prices are not known here."),
  dollarsADay: dollars.optional().describe("If it goes on as it did so far."),
  dollarsAMonth: dollars.optional().describe("If it goes on as it did so far."),
});

/** What one worker has used. */
export const costAnswer = z.object({
  seconds: z.number(),
  meteredBytes: z.object({ lower: bytes, upper: bytes }),
  bytesAcrossZones: z.number().optional(),
  targets: z.array(z.object({ id: z.string(), availabilityZone: z.string(), bytesAcrossZones: z.number().optional() })),
});

type CostAnswer = z.infer<typeof costAnswer>;

export const costRoutes: FastifyPluginAsyncZod<CostRoutesOptions> = async (app, { group, region }) => {
  app.route({
    method: "GET",
    url: "/costs",
    schema: {
      tags: ["operations"],
      operationId: "getCosts",
      summary: "What this router has cost at EFS and between zones, estimated",
      response: { 200: costs },
    },
    handler: async (): Promise<z.infer<typeof costs>> => {
      const { seconds, targets, ...used } = mergeCostAnswers(await group.ask("costs"));
      const prices = pricesOf(region);
      return {
        seconds,
        ...used,
        targets: targets.map((target) => ({
          ...target,
          dollarsAcrossZones:
            prices && target.bytesAcrossZones !== undefined ? zoneCost(target.bytesAcrossZones, prices) : undefined,
        })),
        pricesAsOf: PRICES_AS_OF,
        dollars: prices && dollarsOf(used, prices),
        dollarsADay: prices && dollarsOf(used, prices, SECONDS_IN_A_DAY / seconds),
        dollarsAMonth: prices && dollarsOf(used, prices, SECONDS_IN_A_MONTH / seconds),
      };
    },
  });
};

/** What one worker answers. */
export function describeCosts(files: RoutedFiles, meter: Meter): CostAnswer {
  return {
    seconds: process.uptime(),
    meteredBytes: meter.total,
    bytesAcrossZones: files.bytesAcrossZones,
    targets: files.targets.map((target) => ({
      id: target.id,
      availabilityZone: target.zone,
      bytesAcrossZones: files.bytesAcrossZonesAt(target),
    })),
  };
}

/** A worker that replaced another one is younger than the router: its time counts as the longest. */
function mergeCostAnswers([first, ...others]: readonly CostAnswer[]): CostAnswer {
  if (first === undefined) throw new Error("No worker answers");
  return others.reduce((a, b) => {
    const targets = new Map(a.targets.map((target) => [target.id, target]));
    for (const target of b.targets) {
      const bytes = add(targets.get(target.id)?.bytesAcrossZones, target.bytesAcrossZones);
      targets.set(target.id, { ...target, bytesAcrossZones: bytes });
    }
    return {
      seconds: Math.max(a.seconds, b.seconds),
      meteredBytes: {
        lower: addMetered(a.meteredBytes.lower, b.meteredBytes.lower),
        upper: addMetered(a.meteredBytes.upper, b.meteredBytes.upper),
      },
      bytesAcrossZones: add(a.bytesAcrossZones, b.bytesAcrossZones),
      targets: [...targets.values()],
    };
  }, first);
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a + b;
}

function addMetered(a: Metered, b: Metered): Metered {
  return {
    "data-read": a["data-read"] + b["data-read"],
    "data-write": a["data-write"] + b["data-write"],
    "metadata-read": a["metadata-read"] + b["metadata-read"],
    "metadata-write": a["metadata-write"] + b["metadata-write"],
  };
}

type Used = Pick<z.infer<typeof costs>, "meteredBytes" | "bytesAcrossZones">;

function dollarsOf({ meteredBytes, bytesAcrossZones }: Used, prices: Prices, factor = 1): z.infer<typeof dollars> {
  const { lower, upper } = throughputCost(meteredBytes, prices);
  const ofKind = (kind: MeteredKind) => ({
    lower: kindCost(kind, meteredBytes.lower[kind], prices) * factor,
    upper: kindCost(kind, meteredBytes.upper[kind], prices) * factor,
  });
  return {
    throughput: { lower: lower * factor, upper: upper * factor },
    byKind: {
      "data-read": ofKind("data-read"),
      "data-write": ofKind("data-write"),
      "metadata-read": ofKind("metadata-read"),
      "metadata-write": ofKind("metadata-write"),
    },
    acrossZones: bytesAcrossZones === undefined ? undefined : zoneCost(bytesAcrossZones, prices) * factor,
  };
}
