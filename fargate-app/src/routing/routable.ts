/** What paths are routed to, and what routing makes of a path. */
import type { DirectoryPath } from "./path.ts";

/** Something that paths can be routed to: a mount target. Ids are unique. */
export interface Routable {
  readonly id: string;
}

/** All targets in the order in which `path` prefers them. The same for the same path and the same set of targets. */
export type Ranking<Target extends Routable> = (path: DirectoryPath) => Target[];
