/** `fdir DIRECTORY`: counts its files with fdir. */
import { fdir } from "fdir";
import { printCount } from "./printed-count.ts";

const [, , directory = ""] = process.argv;
const { files } = await new fdir().onlyCounts().crawl(directory).withPromise();
printCount(files);
