/** What every section of the page is given. */
import type { ServiceStatus } from "../../src/status/document.ts";
import type { Format } from "../common/format.ts";
import type { Timeline } from "./timeline.ts";
import type { Words } from "./words/index.ts";

export interface View {
  readonly status: ServiceStatus;
  readonly timeline: Timeline;
  readonly words: Words;
  readonly format: Format;
  readonly colorOf: (target: string) => number | undefined;
}

export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** A state in the reader's language; the router's own word where the page does not know it. */
export function stateIn(states: Readonly<Record<string, string>>, state: string): string {
  return states[state] ?? state;
}
