/** hashring (npm): a ring of virtual nodes, as clients of memcached have it (ketama). */
import { createRequire } from "node:module";
import { z } from "zod";

const HOW_TO_GET = "npm install --no-save hashring";

interface HashRing {
  get(key: string): string;
}

const constructorSchema = z.custom<new (nodes: readonly string[], hash: string) => HashRing>(
  (value) => typeof value === "function",
);

/**
 * The way to make rings over SHA-256, which the package can take instead of its MD5; undefined when it is not installed.
 * It is no dependency of the project, because its last release was in 2015.
 */
export function loadHashRing(
  note: (sentence: string) => void,
): ((nodes: readonly string[]) => (path: string) => string) | undefined {
  let loaded: unknown;
  try {
    loaded = createRequire(import.meta.url)("hashring");
  } catch {
    note(`hashring is not installed (${HOW_TO_GET}).`);
    return undefined;
  }
  const Ring = constructorSchema.parse(loaded);
  return (nodes) => {
    const ring = new Ring(nodes, "sha256");
    return (path) => ring.get(path);
  };
}
