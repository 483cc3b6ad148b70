/**
 * The count where readdir does not tell types, as NFS may not: a preloaded readdir forgets them.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runMonitorBundle } from "../support/monitor-bundle.ts";
import { program } from "../support/programs.ts";
import { describeRequiring } from "../support/requirements.ts";

const FORGETFUL_READDIR = `
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
struct dirent64 *readdir64(DIR *directory) {
  struct dirent64 *(*next)(DIR *) = dlsym(RTLD_NEXT, "readdir64");
  struct dirent64 *entry = next(directory);
  if (entry) entry->d_type = DT_UNKNOWN;
  return entry;
}
struct dirent *readdir(DIR *directory) { return (struct dirent *)readdir64(directory); }
`;

describeRequiring([program("cc", "apt-get install gcc libc6-dev")], "the count without types", ([[cc]]) => {
  test("is the same", async () => {
    const directory = mkdtempSync(join(tmpdir(), "count-"));
    const library = join(directory, "readdir.so");
    writeFileSync(join(directory, "readdir.c"), FORGETFUL_READDIR);
    execFileSync(cc, ["-shared", "-fPIC", "-o", library, join(directory, "readdir.c"), "-ldl"]);

    const root = join(directory, "data");
    const notUtf8 = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x2e])]);
    for (const path of [root, join(root, "é"), join(root, "é", "empty"), notUtf8]) mkdirSync(path);
    for (let index = 0; index < 100; index++) writeFileSync(join(root, "é", `${index}`), "");
    writeFileSync(Buffer.concat([notUtf8, Buffer.from("/ü")]), "");
    symlinkSync(".", join(root, "link"));

    const { result } = await runMonitorBundle({
      ...unreachableAws,
      LD_PRELOAD: library,
      EFS_MOUNT_PATH: directory,
    });
    expect(result).toMatchObject({
      fileCount: 102,
      countComplete: true,
      largestDirectory: { path: "/data/é", files: 100 },
      skipped: { count: 0 },
    });
    rmSync(directory, { recursive: true });
  });
});

/** AWS does not answer: the bundle counts, and then it fails. */
const unreachableAws = {
  AWS_ENDPOINT_URL: "http://127.0.0.1:1",
  EFS_FILE_SYSTEM_ID: "fs-0123abcd",
  EFS_SECURITY_GROUP_ID: "sg-0123abcd",
  VPC_ID: "vpc-0123abcd",
  ROLLOUT: "hot-reload",
};
