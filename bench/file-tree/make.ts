/**
 * Makes a directory with files in it, as links to a few files, which is quicker than to make each anew.
 *
 *   make DIRECTORY FILES BYTES LEVELS
 *
 * With 0 levels all files are in the directory itself; each level more has ten times as many directories as the one
 * above, and the files are spread over all of them.
 */
import { linkSync, mkdirSync, writeFileSync } from "node:fs";

const [, , root = "", ...numbers] = process.argv;
const [files = 0, bytes = 0, levels = 0] = numbers.map(Number);

/** ext4 takes 65,000 links to a file. */
const LINKS = 60_000;
const FAN_OUT = 10;

const directories = [root];
for (let level = 0, above = [root]; level < levels; level++) {
  above = above.flatMap((parent) => Array.from({ length: FAN_OUT }, (_, index) => `${parent}/directory-${index}`));
  directories.push(...above);
}
for (const directory of directories) mkdirSync(directory, { recursive: true });

let original = "";
for (let index = 0; index < files; index++) {
  const path = `${directories[index % directories.length]}/file-${index}`;
  if (index % LINKS === 0) {
    original = path;
    writeFileSync(original, Buffer.alloc(bytes, "efs"));
  } else {
    linkSync(original, path);
  }
}
