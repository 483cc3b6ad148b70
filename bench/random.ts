/** Random numbers that are the same in every run with the same seed. */

/** @returns a function that gives numbers from 0 to below 1 (Mulberry32, by Tommy Ettinger). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Numbers from 0 to below `count`, of which number n is drawn with a weight of 1 / (n + 1) ** exponent. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const cumulative = new Float64Array(count);
  let total = 0;
  for (let number = 0; number < count; number++) {
    total += 1 / (number + 1) ** exponent;
    cumulative[number] = total;
  }
  return () => {
    const point = random() * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) > point) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
