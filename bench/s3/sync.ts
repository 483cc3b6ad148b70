/** Files of a directory put by the AWS CLI, and by a loop over the HTTP API: a curl for each, and one for all. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { REGION } from "../../local/account.ts";
import { type Command, debianProgram, pythonProgram, type Requirement } from "../../tests/support/programs.ts";
import { makeTemporaryFileTree } from "../file-tree/file-tree.ts";
import { interleave } from "../interleave.ts";
import { perSecond } from "../per-second.ts";
import { type Bench, type Figure, ratioAtLeast } from "../row.ts";
import type { S3Router } from "./router.ts";

const FILES = 2_000;
const FILE_BYTES = 4 * 1024;
/** Files of the loops, which are slower. */
const LOOP_FILES = 400;

export async function measureSync(bench: Bench, { router, server, delay }: S3Router): Promise<Figure[]> {
  const aws = findOrNote(bench, pythonProgram("aws", "awscli"));
  const curl = findOrNote(bench, debianProgram("curl", "curl"));
  if (aws === undefined) return [];
  const files = await makeTemporaryFileTree(bench, { files: FILES, bytes: FILE_BYTES });
  const env = {
    ...process.env,
    // Nothing of the user's own settings.
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_ACCESS_KEY_ID: server.accessKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.accessKey.secretAccessKey,
    AWS_ENDPOINT_URL: server.url,
    AWS_REGION: REGION,
  };
  const run = ([program, ...parameters]: Command) =>
    promisify(execFile)(program, parameters, { env, signal: bench.signal });
  const sync = ["s3", "sync", "--quiet", files, `s3://${server.bucket}/synced`];
  const name = `s3 sync, ${delay} ms`;
  const names = Array.from({ length: LOOP_FILES }, (_, index) => `file-${index}`);
  const loop = (script: string) => () =>
    perSecond(LOOP_FILES, () => run(["sh", "-ec", script, "sh", files, `${router.url}/files/looped`, ...names]));
  const { ours, each, one } = await interleave<Record<"ours" | "each" | "one", number>>(bench, name, 1, {
    ours: () => perSecond(FILES, () => run([...aws, ...sync])),
    each: curl && loop(CURL_FOR_EACH),
    one: curl && loop(ONE_CURL),
  });
  const figure = { name, unit: "/s", better: "higher", ours } as const;
  return [
    { ...figure, peer: { name: "a loop, with a curl for each file", values: each }, goal: ratioAtLeast(3) },
    { ...figure, peer: { name: "one curl, over one connection", values: one } },
  ];
}

function findOrNote({ note }: Bench, requirement: Requirement): Command | undefined {
  const command = requirement.find();
  if (command === undefined) note(`${requirement.name} is missing (${requirement.howToGet}).`);
  return command;
}

const CURL_FOR_EACH = 'tree=$1; url=$2; shift 2; for name; do curl -sSf -T "$tree/$name" "$url/$name"; done';
const ONE_CURL =
  'tree=$1; url=$2; shift 2; for name; do printf "upload-file = %s\\nurl = %s\\n" "$tree/$name" "$url/$name"; done | curl -sSf -K -';
