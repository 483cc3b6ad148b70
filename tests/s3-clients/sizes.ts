/** How much the suites of S3 clients transfer. */

/** `S3_CLIENTS=full`: as much as takes minutes, and tens of gigabytes of disk. */
export const IS_FULL = process.env.S3_CLIENTS === "full";

/** Small objects of a tree. */
export const OBJECTS = IS_FULL ? 10_000 : 1_000;

/** Bytes of what is uploaded in parts: more than S3 takes as one, where all is to be full. */
export const LARGE_BYTES = IS_FULL ? 5 * 2 ** 30 + 1 : 21 * 2 ** 20 + 1;
