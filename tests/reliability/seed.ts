/**
 * The seed of a run's random choices: RELIABILITY_SEED, or a new one. Read by the configurations, before any worker
 * starts, so that all suites have the same.
 *
 * @throws {Error} when RELIABILITY_SEED is not a whole number.
 */
export const seed = process.env.RELIABILITY_SEED ?? String(Math.floor(Math.random() * 2 ** 31));

if (!/^-?\d+$/.test(seed)) throw new Error(`RELIABILITY_SEED is ${JSON.stringify(seed)}, but must be a whole number`);

// The reporter runs in this process.
process.env.RELIABILITY_SEED = seed;
