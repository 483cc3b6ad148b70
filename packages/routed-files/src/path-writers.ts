/** Which target each path is being changed at. */
import type { DirectoryPath } from "./routing/path.ts";

interface Writers<Target> {
  target: Target;
  changes: number;
}

export class PathWriters<Target> {
  readonly #paths = new Map<DirectoryPath, Writers<Target>>();

  /** The target that changes of `path` are in flight at; undefined when there are none. */
  targetOf(path: DirectoryPath): Target | undefined {
    return this.#paths.get(path)?.target;
  }

  /**
   * A change of `path` begins at `target`, where those that follow go, too.
   *
   * @returns to be called when it is over.
   */
  enter(path: DirectoryPath, target: Target): () => void {
    const writers = this.#paths.get(path) ?? { target, changes: 0 };
    writers.target = target;
    writers.changes += 1;
    this.#paths.set(path, writers);
    return () => {
      writers.changes -= 1;
      if (writers.changes === 0) this.#paths.delete(path);
    };
  }
}
