/**
 * Directory listings with cookies that stay right while entries come and go (RFC 8881 §18.23).
 *
 * Entries are listed in the order of a hash of their names, and an entry's cookie is its place in that order. So a
 * cookie means the same place however the directory changed since, and through every server, and after a restart: an
 * entry that is there all along is listed exactly once.
 */

/** The names of one directory at one moment, in the order of their cookies. */
export interface Listing {
  /** The directory's change attribute when it was read. */
  readonly change: bigint;
  readonly names: readonly string[];
  readonly cookies: readonly bigint[];
}

/** Cookies 0, 1 and 2 mean something else in some protocols and clients. */
const FIRST_COOKIE = 3n;

/** Names with the same hash of 53 bits follow each other; this many of them can be told apart. */
const TIES = 1024n;

export function createListing(change: bigint, entries: readonly string[]): Listing {
  const hashed = entries.map((name) => ({ name, hash: hashName(name) }));
  hashed.sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1));
  let tie = 0n;
  const cookies = hashed.map(({ hash }, index) => {
    tie = index > 0 && hashed[index - 1]?.hash === hash ? tie + 1n : 0n;
    return FIRST_COOKIE + BigInt(hash) * TIES + tie;
  });
  return { change, names: hashed.map(({ name }) => name), cookies };
}

/** The index of the first entry behind `cookie`. */
export function indexAfter({ cookies }: Listing, cookie: bigint): number {
  let low = 0;
  let high = cookies.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cookies[middle] ?? 0n) <= cookie) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Well spread over 53 bits, so that it is a safe integer; two multiplicative hashes of 32 bits, mixed at the end. */
export function hashName(name: string): number {
  let high = 0xdead_beef;
  let low = 0x41c6_ce57;
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 0x1_0000_0000 * (0x1f_ffff & low) + (high >>> 0);
}

/** Names that the kept listings may hold together, counting {@link LISTING_COST} more for each listing. */
const CAPACITY = 1_000_000;
const LISTING_COST = 16;

/** The listings that clients are in the middle of: a page of a large directory does not read all of it again. */
export class ListingCache<Key> {
  readonly #capacity: number;
  readonly #listings = new Map<Key, Listing>();
  #cost = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get(key: Key): Listing | undefined {
    const listing = this.#listings.get(key);
    if (listing !== undefined) {
      this.#listings.delete(key);
      this.#listings.set(key, listing);
    }
    return listing;
  }

  set(key: Key, listing: Listing): void {
    this.delete(key);
    this.#listings.set(key, listing);
    this.#cost += costOf(listing);
    for (const oldest of this.#listings.keys()) {
      if (this.#cost <= this.#capacity) return;
      this.delete(oldest);
    }
  }

  delete(key: Key): void {
    const listing = this.#listings.get(key);
    if (listing === undefined) return;
    this.#cost -= costOf(listing);
    this.#listings.delete(key);
  }
}

function costOf({ names }: Listing): number {
  return names.length + LISTING_COST;
}
