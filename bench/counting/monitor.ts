/** `monitor DIRECTORY CONCURRENCY`: counts its files as the file monitor does. */
import { countTree } from "../../functions/file-monitor/observe/count/count-tree.ts";
import { MountedDirectories } from "../../functions/file-monitor/observe/count/mounted-directories.ts";
import { printCount } from "./printed-count.ts";

const [, , directory = "", concurrency = ""] = process.argv;
const { signal } = new AbortController();
const options = { concurrency: Number(concurrency), signal };
const { count } = await countTree(new MountedDirectories(directory, options), options);
printCount(count.files);
