/** `monitor DIRECTORY CONCURRENCY`: counts its files as the file monitor does. */
import { countFiles } from "../../functions/file-monitor/observe/count.ts";
import { printCount } from "./printed-count.ts";

const [, , directory = "", concurrency = ""] = process.argv;
const { signal } = new AbortController();
const { files } = await countFiles(directory, { concurrency: Number(concurrency), signal });
printCount(files);
