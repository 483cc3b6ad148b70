/** versitygw (Go module github.com/versity/versitygw): an S3 server over a directory, which it serves as a POSIX file system. */
import { findCommonPort } from "../../local/machine/loopback.ts";
import { makeTemporaryDirectory } from "../../local/machine/temporary-directory.ts";
import { program } from "../../tests/support/programs.ts";
import type { Bench } from "../row.ts";
import { makeBucket, type S3Server } from "../s3/requests.ts";
import { startHttpPeer } from "./http-peer.ts";

const versitygw = program("versitygw", "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0");
const HOST = "127.0.0.1";

/**
 * Serves a directory of the local disk, with a bucket in it.
 *
 * @returns undefined when it is missing, which is noted.
 */
export async function startVersitygw(
  bench: Pick<Bench, "cleanups" | "note">,
  { bucket, accessKey }: Omit<S3Server, "url">,
): Promise<S3Server | undefined> {
  const command = versitygw.find();
  if (command === undefined) {
    bench.note(`versitygw is missing (${versitygw.howToGet}).`);
    return undefined;
  }
  const directory = await makeTemporaryDirectory("bench-versitygw-");
  bench.cleanups.add(() => directory.remove());
  const port = await findCommonPort([HOST]);
  const url = `http://${HOST}:${port}`;
  const parameters = [
    "--quiet",
    "--keep-alive",
    "--port",
    `${HOST}:${port}`,
    "--region",
    "ap-northeast-1",
    "posix",
    directory.path,
  ];
  const environment = {
    ROOT_ACCESS_KEY: accessKey.accessKeyId,
    ROOT_SECRET_KEY: accessKey.secretAccessKey,
  };
  await startHttpPeer(bench, { name: "versitygw", command: [...command, ...parameters], environment, url });
  const server = { url, bucket, accessKey };
  await makeBucket(server);
  return server;
}
