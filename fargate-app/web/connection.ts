/** What the page hears from the router. */
import { historySchema, type ServiceStatus, serviceStatusSchema, sessionSchema } from "../src/status/document.ts";
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

const RETRY = 2_000;

/** Milliseconds without an event, after which the connection counts as lost. */
const SILENCE = 5_000;

export class Connection {
  readonly timeline = new Timeline();
  #state: State = { phase: "starting", needsToken: false, status: undefined };
  readonly #onChange: (state: State) => void;
  #source: EventSource | undefined;
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
      const response = await fetch("status/session");
      const { needsToken, signedIn } = sessionSchema.parse(await response.json());
      this.#set({ needsToken });
      if (signedIn) this.#listen();
      else this.#set({ phase: "needs-token" });
    } catch {
      this.#startLater();
    }
  }

  /** @returns the status of the response: 204 where the token is valid. */
  async signIn(token: string): Promise<number> {
    // What no header may have is in no token either.
    if (!/^[\x21-\x7e]+$/.test(token)) return 401;
    try {
      const { status } = await fetch("status/session", {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
      });
      if (status === 204) this.#listen();
      return status;
    } catch {
      return 0;
    }
  }

  async signOut(): Promise<void> {
    this.#close();
    await fetch("status/session", { method: "DELETE" });
    this.#set({ phase: "needs-token", status: undefined });
  }

  #listen(): void {
    this.#close();
    const source = new EventSource("status/events");
    this.#source = source;
    source.addEventListener("history", ({ data }) => this.timeline.recall(historySchema.parse(JSON.parse(data))));
    source.addEventListener("status", ({ data }) => {
      const status = serviceStatusSchema.parse(JSON.parse(data));
      this.timeline.add(status);
      this.#set({ phase: "live", status });
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
    this.#silence = setTimeout(() => void this.start(), RETRY);
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
