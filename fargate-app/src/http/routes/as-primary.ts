import type { Region } from "../../region/region.ts";

/** Makes a change, where this region may. One region is always the primary. */
export function asPrimary<Result>(region: Region | undefined, change: () => Promise<Result>): Promise<Result> {
  return region === undefined ? change() : region.write(change);
}
