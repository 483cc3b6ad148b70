/** moto's server (PyPI): a stand-in for S3 that keeps objects in memory. */
import { moto, startMoto } from "../../tests/support/moto.ts";
import type { Bench } from "../row.ts";
import { makeBucket, type S3Server } from "../s3/requests.ts";

/**
 * Starts it, with a bucket in it.
 *
 * @returns undefined when it is missing, which is noted.
 */
export async function startMotoBucket(
  { cleanups, note }: Pick<Bench, "cleanups" | "note">,
  { bucket, accessKey }: Omit<S3Server, "url">,
): Promise<S3Server | undefined> {
  const command = moto.find();
  if (command === undefined) {
    note(`${moto.name} is missing (${moto.howToGet}).`);
    return undefined;
  }
  const { endpoint: url, stop } = await startMoto(command);
  cleanups.add(stop);
  const server = { url, bucket, accessKey };
  await makeBucket(server);
  return server;
}
