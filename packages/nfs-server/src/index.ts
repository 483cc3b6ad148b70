/** An NFSv4.1 server over one local directory: what stands in for the mount targets of Amazon EFS on one machine. */
export { type Dialect, OPTIONAL_ATTRIBUTES, REFUSABLE_OPERATIONS } from "./dialect/dialect.ts";
export { PROFILES, type Profile } from "./dialect/profiles.ts";
export { type NfsServer, type NfsServerOptions, type NfsServerStatistics, startNfsServer } from "./server.ts";
