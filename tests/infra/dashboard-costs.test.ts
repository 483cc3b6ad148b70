/** What the dashboard makes of the file system's metrics: dollars, or metered GB where no price is known. */
import { METERED_KINDS, type MeteredKind, meteredBytes } from "@efs-mount-autoscaling/metering";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { registerStack } from "./stack.ts";

const PERIOD = 300;

const METRICS: Readonly<Record<MeteredKind, string>> = {
  "data-read": "dataRead",
  "data-write": "dataWrite",
  "metadata-read": "metadataRead",
  "metadata-write": "metadataWrite",
};

const widget = z.object({
  properties: z.object({ title: z.string(), metrics: z.array(z.array(z.unknown())).default([]) }),
});
const line = z.object({ expression: z.string(), label: z.string() });

/** CloudWatch's expressions, of one data point, are JavaScript with these functions. */
function evaluate(expression: string, metrics: Readonly<Record<string, number>>): number {
  const functions = {
    PERIOD: () => PERIOD,
    FILL: (value: number | undefined, missing: number) => value ?? missing,
    IF: (condition: boolean, yes: number, no: number) => (condition ? yes : no),
  };
  const names = Object.values(METRICS).flatMap((name) => [name, `${name}Count`]);
  const known = { ...functions, ...Object.fromEntries(names.map((name) => [name, metrics[name]])) };
  return z.number().parse(new Function(...Object.keys(known), `return ${expression}`)(...Object.values(known)));
}

test("the cost of throughput lies between the two bounds, whatever the operations are", async () => {
  const { resources } = await registerStack({});
  const { inputs } = resources.find(({ type }) => type.endsWith(":Dashboard")) ?? {};
  const widgets = z
    .object({ widgets: z.array(widget.or(z.unknown())) })
    .parse(JSON.parse(String(inputs?.dashboardBody)));
  const graph = widgets.widgets
    .flatMap((each) => widget.safeParse(each).data ?? [])
    .find(({ properties }) => properties.title === "Throughput, if it is elastic (GB a day)");
  const lines = graph?.properties.metrics.flatMap(([only]) => line.safeParse(only).data ?? []);
  const bound = (label: string) => lines?.find((each) => each.label === label)?.expression ?? "NaN";

  const operation = fc.record({ kind: fc.constantFrom(...METERED_KINDS), bytes: fc.nat(200_000) });
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const metrics: Record<string, number> = {};
      let metered = 0;
      for (const { kind, bytes } of operations) {
        const name = METRICS[kind];
        metrics[name] = (metrics[name] ?? 0) + bytes;
        metrics[`${name}Count`] = (metrics[`${name}Count`] ?? 0) + 1;
        metered += meteredBytes(kind, bytes);
      }
      const aDay = ((metered / 1e9) * 86_400) / PERIOD;
      expect(evaluate(bound("At least"), metrics)).toBeLessThanOrEqual(aDay * 1.000001);
      expect(evaluate(bound("At most"), metrics)).toBeGreaterThanOrEqual(aDay * 0.999999);
    }),
  );
});
