/** What a primary and its workers call of each other. Both are processes of one program, and of one version of it. */
import type { BirpcOptions } from "birpc";
import type { Question } from "./answers.ts";
import type { RequestCount } from "./group.ts";
import type { PlaceKind } from "./places.ts";

/** What a worker learns of the others when it starts. */
export interface Welcome {
  /** From 1 on; one that replaces another one has its number. */
  readonly number: number;
  readonly size: number;
  readonly complete: boolean;
}

/** What a worker calls of its primary. */
export interface PrimaryFunctions {
  join(): Welcome;
  noteListening(url: string): void;
  noteConnected(): void;
  noteAlive(): void;
  /** What the workers answer that do in time. */
  ask(question: Question): Promise<unknown[]>;
  takePlace(kind: PlaceKind, limit: number): boolean;
  giveBackPlace(kind: PlaceKind): void;
  countRequest(client: string, window: number): RequestCount;
}

/** What a primary calls of a worker. */
export interface WorkerFunctions {
  answer(question: Question): Promise<unknown>;
  noteComplete(): void;
  reload(): void;
  stop(reason: string): void;
}

/** Milliseconds from one sign of life of a worker to the next. */
export const ALIVE_INTERVAL = 1_000;

/** Of a primary. Milliseconds for an answer: whoever asked waits for it. */
export const PRIMARY_OPTIONS = {
  timeout: 2_000,
  bind: "functions",
  eventNames: ["noteComplete", "reload", "stop"],
} satisfies Partial<BirpcOptions<WorkerFunctions, PrimaryFunctions>>;

/**
 * Of a worker. No timeout: its primary answers within that of the other workers, or has ended, and then so does the worker.
 * A worker that was slow itself would find its calls timed out, and never learn of a place that it was given.
 */
export const WORKER_OPTIONS = {
  timeout: -1,
  bind: "functions",
  eventNames: ["noteListening", "noteConnected", "noteAlive", "giveBackPlace"],
} satisfies Partial<BirpcOptions<PrimaryFunctions, WorkerFunctions>>;
