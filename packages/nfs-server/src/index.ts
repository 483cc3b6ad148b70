/** An NFSv4.1 server over one local directory: what stands in for the mount targets of Amazon EFS on one machine. */
export { type NfsServer, type NfsServerOptions, type NfsServerStatistics, startNfsServer } from "./server.ts";
