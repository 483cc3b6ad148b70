/** The partitions behind a mount target: each knows clients of its own. Connections that ask are spread over them. */
import { partitionId } from "nfs-client/wire";

export interface Partition {
  readonly id: string;
}

export class Partitions {
  readonly #partitions: Partition[] = [];
  readonly #bound = new WeakMap<object, Partition>();
  #next = 0;

  /** The one that a connection has asked for. */
  of(connection: object): Partition | undefined {
    return this.#bound.get(connection);
  }

  /** The one of `count` that a connection has reached: it is the same however often it asks. */
  bind(connection: object, count: number): Partition {
    const known = this.#bound.get(connection);
    if (known !== undefined) return known;
    const index = this.#next++ % count;
    const partition = this.#partitions[index] ?? { id: partitionId(Buffer.from(`partition ${index}`)) };
    this.#partitions[index] = partition;
    this.#bound.set(connection, partition);
    return partition;
  }
}
