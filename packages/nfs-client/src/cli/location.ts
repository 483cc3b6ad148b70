/**
 * How files are written on the command line, in what it takes and in what it shows: `nfs://HOST[:PORT]/PATH` after
 * RFC 2224, or `/PATH` where the server is known. What is percent-encoded are the bytes of a name. Every other character
 * stands for itself, and those that a parser of URLs would drop, or take for something else, are refused.
 */
import { NFS_PORT } from "../client.ts";
import { encodeName, nameFromUrl } from "../wire/names.ts";

/** The command line is not one that can be run; the message says why. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Server {
  readonly host: string;
  readonly port: number | undefined;
}

export interface Location {
  /** Undefined where the path alone was given. */
  readonly server: Server | undefined;
  readonly path: string;
  /** It ends in `/`: there must be a directory. */
  readonly isDirectory: boolean;
}

/** The same text for all spellings of a host and a port; empty for the server that goes without saying. */
export function serverKey(server: Server | undefined): string {
  return server === undefined ? "" : `${server.host.toLowerCase()} ${server.port ?? NFS_PORT}`;
}

/** Host: a name, an IPv4 address, or an IPv6 address in brackets. */
const FORM = /^(?:nfs:\/\/(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?)?((?:\/.*)?)$/isu;

/** No parser of URLs takes these as they are: it drops them, or ends the path there. U+FFFD is what Node.js makes of bytes that are not UTF-8. */
const AMBIGUOUS = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\ufffd?#\\]|^ | $/u;

/** @throws {UsageError} when the text is not such a place. */
export function parseLocation(text: string): Location {
  const [match, ipv6, name, port, path = ""] = FORM.exec(text) ?? [];
  const host = ipv6 ?? name;
  if (match === undefined || (host === undefined && path === "")) {
    throw new UsageError(`${JSON.stringify(text)} is neither nfs://HOST[:PORT]/PATH nor /PATH`);
  }
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw new UsageError(`The port ${port} in ${JSON.stringify(text)} must be from 1 to 65535`);
  }
  const server = host === undefined ? undefined : { host, port: port === undefined ? undefined : Number(port) };
  return { server, path: `/${parseNames(path).join("/")}`, isDirectory: path.endsWith("/") };
}

function parseNames(path: string): string[] {
  const ambiguous = AMBIGUOUS.exec(path)?.[0];
  if (ambiguous !== undefined) {
    const hint =
      ambiguous === "\ufffd"
        ? "write the bytes of the name percent-encoded"
        : `write ${percentEncoded(encodeName(ambiguous))} where it belongs to a name`;
    throw new UsageError(`${JSON.stringify(path)} has ${JSON.stringify(ambiguous)} in it: ${hint}`);
  }
  return path
    .split("/")
    .filter((part) => part !== "")
    .map(parseName);
}

function parseName(part: string): string {
  const name = nameFromUrl(part);
  if (name === undefined) {
    throw new UsageError(`${JSON.stringify(part)} has a % without two hexadecimal digits: write %25 for a % itself`);
  }
  if (name === "." || name === "..") throw new UsageError(`${JSON.stringify(part)} is not the name of a file`);
  if (/[/\0]/.test(name)) throw new UsageError(`No name has the character that is encoded in ${JSON.stringify(part)}`);
  return name;
}

/** Also what would move the cursor or the text around it, and blanks that nobody sees. */
const TO_ENCODE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\ufffd?#\\%]|^ | $/gu;

/** A name, on one line, as {@link parseLocation} reads it. */
export function spellName(name: string): string {
  return name.replace(TO_ENCODE, (character) => percentEncoded(encodeName(character)));
}

/** A path, on one line, as {@link parseLocation} reads it. */
export function spellPath(path: string): string {
  return path.split("/").map(spellName).join("/");
}

/** A message for a terminal: nothing in it controls the terminal, or ends the line. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) =>
    character.isWellFormed() || /[\udc80-\udcff]/.test(character) ? percentEncoded(encodeName(character)) : "\ufffd",
  );
}

function percentEncoded(bytes: Buffer): string {
  return bytes.toString("hex").toUpperCase().replace(/../g, "%$&");
}
