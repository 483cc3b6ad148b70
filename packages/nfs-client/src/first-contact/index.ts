/// <reference types="node" preserve="true" />
/** First contact with a server: what it grants, supports and shares, and what that means for the client. */
export { type CommandOptions, type ExitCode, runFirstContact } from "./command.ts";
