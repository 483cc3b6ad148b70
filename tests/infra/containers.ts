import * as z from "zod";

const containers = z.array(
  z.object({ name: z.string(), environment: z.array(z.object({ name: z.string(), value: z.unknown() })).default([]) }),
);

/** The containers of a task definition, with their environments. */
export function containersIn(containerDefinitions: unknown): z.infer<typeof containers> {
  return containers.parse(JSON.parse(String(containerDefinitions)));
}
