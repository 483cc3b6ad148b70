/** The command line, for programs that reach their servers in another way. */
export { type ClientOptions, type CommandLineOptions, type ExitCode, runCommandLine } from "./command-line.ts";
export { type Server, UsageError } from "./location.ts";
