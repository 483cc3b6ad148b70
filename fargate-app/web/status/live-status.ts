/** The status of the service, as the router sends it to the page. */
import { historySchema, type ServiceStatus, serviceStatusSchema } from "../../src/status/document.ts";
import { currentSession, signOut } from "../common/session.ts";
import { Timeline } from "./timeline.ts";

export type Phase =
  /** Nothing was heard yet. */
  | "starting"
  | "needs-token"
  | "live"
  /** It was live, and is being connected to again. */
  | "lost";

export interface State {
  readonly phase: Phase;
  readonly needsToken: boolean;
  readonly status: ServiceStatus | undefined;
}

/** Milliseconds to the first retry, and at most to a later one: each waits twice as long as the one before. */
const RETRY = 2_000;
const MAX_RETRY = 30_000;

/** Milliseconds without an event, after which the connection counts as lost. */
const SILENCE = 5_000;

export class LiveStatus {
  readonly timeline = new Timeline();
  #state: State = { phase: "starting", needsToken: false, status: undefined };
  readonly #onChange: (state: State) => void;
  #source: EventSource | undefined;
  #retries = 0;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(onChange: (state: State) => void) {
    this.#onChange = onChange;
  }

  get state(): State {
    return this.#state;
  }

  /** Asks for a token where one is needed, or else listens. */
  async start(): Promise<void> {
    try {
      const { needsToken, signedIn } = await currentSession();
      this.#set({ needsToken });
      if (signedIn) this.listen();
      else this.#set({ phase: "needs-token" });
    } catch {
      this.#startLater();
    }
  }

  async signOut(): Promise<void> {
    this.#close();
    await signOut();
    this.#set({ phase: "needs-token", status: undefined });
  }

  /** Once a valid token is there. */
  listen(): void {
    this.#close();
    const source = new EventSource("status/events");
    this.#source = source;
    source.addEventListener("history", ({ data }) => this.timeline.recall(historySchema.parse(JSON.parse(data))));
    source.addEventListener("status", ({ data }) => {
      const status = serviceStatusSchema.parse(JSON.parse(data));
      this.timeline.add(status);
      // What another router said is better than nothing, for the second until this one knows the rates.
      if (!status.withoutRates || this.#state.status === undefined) this.#set({ status });
      this.#retries = 0;
      this.#set({ phase: "live" });
      this.#watchSilence();
    });
    source.addEventListener("error", () => {
      this.#set({ phase: this.#state.status === undefined ? "starting" : "lost" });
      // The browser connects again by itself, unless it was refused: then the token may be no longer valid.
      if (source.readyState === EventSource.CLOSED) this.#startLater();
    });
    this.#watchSilence();
  }

  #watchSilence(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      if (this.#state.phase === "live") this.#set({ phase: "lost" });
      this.#startLater();
    }, SILENCE);
  }

  #startLater(): void {
    this.#close();
    const delay = Math.min(MAX_RETRY, RETRY * 2 ** this.#retries);
    this.#retries += 1;
    this.#silence = setTimeout(() => void this.start(), delay);
  }

  #close(): void {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = undefined;
  }

  #set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    this.#onChange(this.#state);
  }
}
