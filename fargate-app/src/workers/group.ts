/** The workers of a task as one of them sees them: processes that share its port and its limits. */
import type { Answer, Answers, Question } from "./answers.ts";
import { type PlaceKind, Places } from "./places.ts";

/** What a client has sent, counted over all workers. */
export interface RequestCount {
  readonly requests: number;
  /** Milliseconds until they count no more. */
  readonly remaining: number;
}

export interface WorkerGroup {
  /** How many workers the limits of the task are for. */
  readonly size: number;
  /** All that the task was started with have reached a mount target: from then on, it is ready when one of them is. */
  readonly complete: boolean;
  /** Says that this worker takes requests at `url`. */
  noteListening(url: string): void;
  /** Says that this worker has reached a mount target. */
  noteConnected(): void;
  /** From now on, this worker answers questions, its own among them. */
  answerWith(answers: Answers): void;
  /** What all workers answer; one that does not answer in time, or cannot answer yet, is left out. */
  ask<Q extends Question>(question: Q): Promise<Answer<Q>[]>;
  /**
   * Takes one of `limit` places that all workers share, where one is free. It must be given back.
   *
   * @returns whether one was taken: at once, where there is no other worker to ask.
   */
  takePlace(kind: PlaceKind, limit: number): boolean | Promise<boolean>;
  giveBackPlace(kind: PlaceKind): void;
  /** Counts a request of a client for all workers; undefined where there is no other one, and no need to ask. */
  readonly countRequest: ((client: string, window: number) => Promise<RequestCount>) | undefined;
}

/** The number of a worker that is the only one. */
const ONLY = 1;

/** A process that is the only one. */
export function onlyWorker(): WorkerGroup {
  let own: Answers | undefined;
  let connected = false;
  const places = new Places();
  return {
    size: 1,
    get complete() {
      return connected;
    },
    noteListening: () => {},
    noteConnected: () => {
      connected = true;
    },
    answerWith: (answers) => {
      own = answers;
    },
    ask: async (question) => (own === undefined ? [] : [await answer(own, question)]),
    takePlace: (kind, limit) => places.take(kind, limit, ONLY),
    giveBackPlace: (kind) => places.giveBack(kind, ONLY),
    countRequest: undefined,
  };
}

/** The result of the function of that name; a call of `answers[question]()` loses which type belongs to which question. */
async function answer<Q extends Question>(answers: Answers, question: Q): Promise<Answer<Q>> {
  const own: () => Answer<Q> | Promise<Answer<Q>> = answers[question];
  return own();
}
