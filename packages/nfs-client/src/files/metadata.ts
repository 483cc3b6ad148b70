/** Owners, modes and times of files, and symbolic links: what a copy of a file has besides its bytes. */
import type { OperationOptions } from "../types.ts";
import {
  type AttributeChanges,
  createSymbolicLink,
  getOwners,
  type Owners,
  readLink,
  setAttributes,
} from "../wire/operations/metadata.ts";
import { type FileContext, runOptions } from "./context.ts";
import { parseEntryPath, parsePath, walkTo } from "./paths.ts";

/** Each of the COMPOUNDs here has one operation besides the walk. */
const OTHERS = 1;

export async function ownersOf(context: FileContext, path: string, options?: OperationOptions): Promise<Owners> {
  const run = runOptions(context, options);
  const owners = getOwners();
  const walk = await walkTo(context, parsePath(path), run, OTHERS);
  return (await context.channel.run([...walk, owners], run)).orThrow(path).of(owners);
}

export async function changeAttributes(
  context: FileContext,
  path: string,
  changes: AttributeChanges,
  options?: OperationOptions,
): Promise<void> {
  const run = runOptions(context, options);
  const walk = await walkTo(context, parsePath(path), run, OTHERS);
  (await context.channel.run([...walk, setAttributes(changes)], run)).orThrow(path);
}

export async function readLinkAt(context: FileContext, path: string, options?: OperationOptions): Promise<string> {
  const run = runOptions(context, options);
  const target = readLink();
  const walk = await walkTo(context, parsePath(path), run, OTHERS);
  return (await context.channel.run([...walk, target], run)).orThrow(path).of(target);
}

export async function makeLinkAt(
  context: FileContext,
  path: string,
  target: string,
  options?: OperationOptions,
): Promise<void> {
  const run = runOptions(context, options);
  const { directory, name } = parseEntryPath(path);
  const walk = await walkTo(context, directory, run, OTHERS);
  (await context.channel.run([...walk, createSymbolicLink(name, target)], { ...run, once: true })).orThrow(path);
}
