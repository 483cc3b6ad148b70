/**
 * What the router sends and takes, as far as it is used. A test compares it with the types that are generated from the
 * document of the API.
 */
import * as z from "zod";

export const problem = z.object({
  status: z.number(),
  title: z.string(),
  detail: z.string(),
  code: z.string().optional(),
  primary: z.string().optional(),
});

/** A whole response that says what went wrong. */
export const problemDocument = problem.extend({ requestId: z.string() });

export const describedFile = z.object({ type: z.string(), size: z.number(), modifiedAt: z.string(), etag: z.string() });

export type DescribedFile = z.infer<typeof describedFile>;

export const directoryPage = z.object({
  entries: z.array(describedFile.extend({ name: z.string(), encodedName: z.string().optional() })),
  nextCursor: z.string().optional(),
});

export const batchResult = describedFile.partial().extend({
  index: z.number(),
  content: z.string().optional(),
  problem: problem.optional(),
});

export type BatchResult = z.infer<typeof batchResult>;

export const deletionLine = z.object({
  path: z.string().optional(),
  encodedPath: z.string().optional(),
  problem: problem.optional(),
  failed: z.number().optional(),
  complete: z.boolean().optional(),
});

export const extractResult = z.object({
  files: z.number(),
  directories: z.number(),
  bytes: z.number(),
  failed: z.array(z.object({ name: z.string(), problem })),
});

/** What a batch takes. */
export interface BatchRequest {
  readonly items: BatchItem[];
}

type Named = { readonly path: string } | { readonly encodedPath: string };

export type BatchItem = Named &
  ({ readonly operation: "read" | "stat" } | { readonly operation: "delete"; readonly ifMatch?: string });
