/** `compose.yaml` as Docker Compose itself reads it. */
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type { Command } from "../../support/programs.ts";

const SECOND = 1000;

/** `2m0s` and the like, to milliseconds. */
const duration = z
  .string()
  .regex(/^(\d+m)?(\d+s)?$/)
  .transform((text) => {
    const [, minutes, seconds] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
    return (Number(minutes ?? 0) * 60 + Number(seconds ?? 0)) * SECOND;
  });

/** Strict: what the suite doesn't know of, it couldn't carry out as Docker would. */
const serviceSchema = z.strictObject({
  build: z
    .strictObject({ context: z.string(), dockerfile: z.string() })
    .transform(({ context, dockerfile }) => ({ context, dockerfile: resolve(context, dockerfile) })),
  command: z.array(z.string()).nullable(),
  entrypoint: z.null(),
  environment: z.record(z.string(), z.string()).default({}),
  init: z.boolean().default(false),
  network_mode: z.templateLiteral(["service:", z.string()]).optional(),
  networks: z.strictObject({ default: z.null() }).optional(),
  ports: z
    .array(
      z.strictObject({
        mode: z.literal("ingress"),
        host_ip: z.literal("127.0.0.1"),
        target: z.number(),
        published: z.string(),
        protocol: z.literal("tcp"),
      }),
    )
    .default([]),
  volumes: z
    .array(
      z.strictObject({
        type: z.literal("volume"),
        source: z.string(),
        target: z.string(),
        volume: z.strictObject({}),
      }),
    )
    .default([]),
  tmpfs: z.array(z.string()).default([]),
  configs: z.array(z.strictObject({ source: z.string(), target: z.string() })).default([]),
  depends_on: z.record(z.string(), z.unknown()).default({}),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.literal("CMD")], z.string()),
      interval: duration.default(30 * SECOND),
      timeout: duration.default(30 * SECOND),
      retries: z.number().default(3),
    })
    .optional(),
  stop_grace_period: duration.default(10 * SECOND),
  profiles: z.array(z.string()).default([]),
  // The lines that it prints are the engine's to carry: here nothing does.
  logging: z.unknown().optional(),
  // How every container of the suite is run.
  read_only: z.literal(true),
  cap_drop: z.tuple([z.literal("ALL")]),
  security_opt: z.tuple([z.literal("no-new-privileges:true")]),
});

export type Service = z.infer<typeof serviceSchema>;

const composeSchema = z.object({
  services: z.record(z.string(), serviceSchema),
  configs: z.record(z.string(), z.strictObject({ name: z.string(), file: z.string() })),
});

export type ComposeFile = z.infer<typeof composeSchema>;

/** @throws when Compose or this suite does not understand the file. */
export async function readComposeFile([compose, ...parameters]: Command): Promise<ComposeFile> {
  const { stdout } = await promisify(execFile)(compose, [
    ...[...parameters, "--file", "compose.yaml", "--profile", "*"],
    ...["config", "--format", "json"],
  ]);
  return composeSchema.parse(JSON.parse(stdout));
}
