/** The entries of the directory that the page shows, page by page. */
import * as z from "zod/mini";

const entrySchema = z.object({
  name: z.string(),
  encodedName: z.optional(z.string()),
  type: z.string(),
  size: z.number(),
  modifiedAt: z.string(),
  etag: z.string(),
});

const pageSchema = z.object({ entries: z.array(entrySchema), nextCursor: z.optional(z.string()) });

const problemSchema = z.object({ status: z.number(), detail: z.string(), code: z.optional(z.string()) });

export type Problem = z.infer<typeof problemSchema>;

export interface Entry {
  readonly name: string;
  /** Whether `name` is only something like the name, which is not UTF-8. */
  readonly isInexact: boolean;
  /** The path of its URL; that of a directory ends in `/`. */
  readonly url: string;
  readonly type: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
  readonly etag: string;
}

const PAGE_SIZE = 1_000;

/** Entries that are shown at once; what follows takes their place. */
const MAX_SHOWN = 5_000;

export class Listing {
  entries: readonly Entry[] = [];
  problem: Problem | undefined;
  isLoading = true;
  /** How many entries were there before those that are shown. */
  passed = 0;
  #cursor: string | undefined;
  readonly #directory: string;
  readonly #onChange: () => void;

  /** @param directory the path of its URL, with a `/` at its end. */
  constructor(directory: string, onChange: () => void) {
    this.#directory = directory;
    this.#onChange = onChange;
  }

  get hasMore(): boolean {
    return this.#cursor !== undefined;
  }

  /** Whether the entries that are shown make room for the next ones. */
  get isFull(): boolean {
    return this.entries.length >= MAX_SHOWN;
  }

  /** Begins anew. */
  async load(): Promise<void> {
    await this.#request(undefined, (entries) => {
      this.passed = 0;
      return entries;
    });
  }

  async loadMore(): Promise<void> {
    await this.#request(this.#cursor, (entries) => {
      if (!this.isFull) return [...this.entries, ...entries];
      this.passed += this.entries.length;
      return entries;
    });
  }

  remove(entry: Entry): void {
    this.entries = this.entries.filter((each) => each !== entry);
    this.#onChange();
  }

  async #request(cursor: string | undefined, place: (entries: Entry[]) => readonly Entry[]): Promise<void> {
    this.isLoading = true;
    this.problem = undefined;
    this.#onChange();
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(cursor !== undefined && { cursor }) });
    try {
      const response = await fetch(`${this.#directory}?${query}`, {
        headers: { accept: "application/json" },
        cache: "no-store",
      });
      if (response.ok) {
        const { entries, nextCursor } = pageSchema.parse(await response.json());
        this.entries = place(entries.map((entry) => this.#entry(entry)));
        this.#cursor = nextCursor;
      } else {
        this.problem = await problemOf(response);
      }
    } catch (error) {
      this.problem = { status: 0, detail: String(error) };
    }
    this.isLoading = false;
    this.#onChange();
  }

  #entry({ name, encodedName, type, size, modifiedAt, etag }: z.infer<typeof entrySchema>): Entry {
    const part = encodedName ?? encodeURIComponent(name);
    return {
      name,
      isInexact: encodedName !== undefined,
      url: `${this.#directory}${part}${type === "directory" ? "/" : ""}`,
      type,
      size,
      modifiedAt: Date.parse(modifiedAt),
      etag,
    };
  }
}

export async function problemOf(response: Response): Promise<Problem> {
  const { status, detail, code } = problemIn(response.status, await response.text().catch(() => ""));
  return { status, detail: detail || response.statusText, code };
}

/** What a response says of a problem; without words where it is none of ours. */
export function problemIn(status: number, text: string): Problem {
  try {
    return { ...problemSchema.parse(JSON.parse(text)), status };
  } catch {
    return { status, detail: "" };
  }
}

export type Column = "name" | "size" | "modifiedAt";

export interface Order {
  readonly column: Column;
  readonly descending: boolean;
}

const byName = new Intl.Collator(undefined, { numeric: true });

/** Directories come first. */
export function sorted(entries: readonly Entry[], { column, descending }: Order): Entry[] {
  const direction = descending ? -1 : 1;
  return [...entries].sort((a, b) => {
    const byType = Number(b.type === "directory") - Number(a.type === "directory");
    if (byType !== 0) return byType;
    const byColumn = column === "name" ? 0 : a[column] - b[column];
    return direction * (byColumn || byName.compare(a.name, b.name));
  });
}

/** Removes an entry, if it is still as it was listed. @returns what went wrong. */
export async function removeEntry({ url, type, etag }: Entry): Promise<Problem | undefined> {
  try {
    const headers: Record<string, string> = type === "file" ? { "if-match": etag } : {};
    const response = await fetch(url, { method: "DELETE", headers });
    return response.ok ? undefined : await problemOf(response);
  } catch (error) {
    return { status: 0, detail: String(error) };
  }
}
