/** Getting to a directory or file by its names, in the COMPOUND that uses it. */
import { getFileHandle, lookup, putFileHandle, putRootFileHandle } from "../operations/handles.ts";
import type { Operation } from "../operations/operation.ts";
import type { RunOptions } from "../session/channel.ts";
import type { FileContext } from "./context.ts";

/** Most operations of one COMPOUND that is built around a walk, without the walk itself. */
const RESERVED = 16;

/**
 * Operations that make the object at `names` the current file handle. A path deeper than one COMPOUND allows is
 * resolved down to what fits, first.
 *
 * @param walks How many times the caller puts the result into one COMPOUND.
 */
export async function walkTo(
  { channel }: FileContext,
  names: readonly string[],
  options: RunOptions,
  walks = 1,
): Promise<Operation<void>[]> {
  const { maximumOperations } = channel.limits;
  const fits = Math.max(1, Math.floor((maximumOperations - RESERVED) / walks) - 1);
  const step = maximumOperations - 2;
  let start: Operation<void> = putRootFileHandle;
  let rest = names;
  while (rest.length > fits) {
    const handle = getFileHandle();
    const reply = await channel.run([start, ...rest.slice(0, step).map(lookup), handle], options);
    start = putFileHandle(reply.orThrow(`/${names.join("/")}`).of(handle));
    rest = rest.slice(step);
  }
  return [start, ...rest.map(lookup)];
}
