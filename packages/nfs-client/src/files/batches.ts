/** The chunks of one stream on their way to the server: a few batches under way, the next one being filled. */
import { type Chunk, ChunkGatherer } from "./chunks.ts";

/** Chunks that are made durable by one COMMIT, and how many such batches may be under way for one stream. */
const BATCH_CHUNKS = 4;
const BATCHES_AHEAD = 2;

/**
 * Milliseconds that a byte waits for its batch to be full. A source may be slow, or pause; memory that others wait for
 * is not held for it.
 */
export const LONGEST_WAIT_FOR_SOURCE = 1000;

export class Batches {
  readonly #write: (chunks: readonly Chunk[]) => Promise<void>;
  readonly #gatherer: ChunkGatherer;
  #batch: Chunk[] = [];
  /** They do not fail: that is what the failure is for. */
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param write Writes chunks; on return they are durable. */
  constructor(chunkSize: number, write: (chunks: readonly Chunk[]) => Promise<void>) {
    this.#gatherer = new ChunkGatherer(chunkSize);
    this.#write = write;
  }

  /** Adds the next bytes; waits while too much is under way. Fails as soon as some batch has failed. */
  async add(bytes: Uint8Array): Promise<void> {
    this.#check();
    for (const chunk of this.#gatherer.add(bytes)) {
      this.#batch.push(chunk);
      if (this.#batch.length < BATCH_CHUNKS) continue;
      while (this.#underWay.size >= BATCHES_AHEAD) await Promise.race(this.#underWay);
      this.#check();
      this.#sendBatch();
    }
    this.#timer ??= setTimeout(() => this.send(), LONGEST_WAIT_FOR_SOURCE);
  }

  /** Sends all there is, however little. */
  send(): void {
    this.#batch.push(...this.#gatherer.takeRest());
    this.#sendBatch();
  }

  /** Sends all there is; on return everything is durable. */
  async finish(): Promise<void> {
    this.send();
    await Promise.all(this.#underWay);
    this.#check();
  }

  /** Sends nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all(this.#underWay);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #sendBatch(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch.length === 0) return;
    const sent = this.#write(this.#batch)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#underWay.delete(sent));
    this.#batch = [];
    this.#underWay.add(sent);
  }
}
