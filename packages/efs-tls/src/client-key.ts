/** The key of the certificates by which this process tells EFS who it is. */
import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

/** RSA, and as long as the mount helper's: AWS documents no other (aws/efs-utils, `check_and_create_private_key`). */
const KEY_BITS = 3072;

let making: Promise<KeyObject> | undefined;

/**
 * One key for all connections. Making it takes most of a second of a processor, in a thread of its own: a program whose
 * start must be short begins with it before anything else.
 */
export function clientKey(): Promise<KeyObject> {
  making ??= promisify(generateKeyPair)("rsa", { modulusLength: KEY_BITS }).then(({ privateKey }) => privateKey);
  return making;
}
