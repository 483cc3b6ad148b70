const NAMES_IN_A_CHUNK = 1024;

/**
 * Names of directories that share a parent, packed into strings of up to 1,024 names: a million of them take little
 * more than their bytes. A name has no "/", so that is what separates them.
 */
export class DirectoryNames {
  readonly #packed: string[] = [];
  #loose: string[] = [];

  add(name: string): void {
    this.#loose.push(name);
    if (this.#loose.length === NAMES_IN_A_CHUNK) this.#pack();
  }

  chunks(): readonly string[] {
    if (this.#loose.length > 0) this.#pack();
    return this.#packed;
  }

  #pack(): void {
    this.#packed.push(this.#loose.join("/"));
    this.#loose = [];
  }
}

/**
 * The directories found but not read yet, last in, first out: taking the newest first walks the tree depth-first, so
 * what waits is the siblings along the paths being read, not a whole level of the tree.
 */
export class PendingDirectories {
  readonly #chunks: { readonly parent: string; names: string }[] = [];

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  push(parent: string, directories: DirectoryNames): void {
    for (const names of directories.chunks()) this.#chunks.push({ parent, names });
  }

  /** Takes the path of one directory; undefined when none waits. */
  pop(): string | undefined {
    const chunk = this.#chunks.at(-1);
    if (chunk === undefined) return undefined;
    const separator = chunk.names.lastIndexOf("/");
    const name = chunk.names.slice(separator + 1);
    if (separator === -1) this.#chunks.pop();
    else chunk.names = chunk.names.slice(0, separator);
    return `${chunk.parent}/${name}`;
  }
}
