/** Opens the files of the mount table that the environment names, and prints how long this process has run by then. */
import { openFiles } from "efs-files/embedded";

const files = await openFiles();
console.log(performance.now());
await files.close();
