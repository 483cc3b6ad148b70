import { readFileSync } from "node:fs";
import * as api from "nfs-client";
import { type NfsDiagnostics, NfsError, type NfsErrorCode, NfsStatusError } from "nfs-client";
import { Op, statusCode, XdrError } from "nfs-client/wire";
import { expect, test } from "vitest";

const readme = readFileSync("packages/nfs-client/README.md", "utf8");

/** Complete, or this does not compile. */
const CODES: Readonly<Record<NfsErrorCode, string>> = {
  ERR_NFS_ABORTED: "AbortedError",
  ERR_NFS_BUSY: "BusyError",
  ERR_NFS_CLOSED: "ClosedError",
  ERR_NFS_CONNECTION: "ConnectionError",
  ERR_NFS_CURSOR: "InvalidCursorError",
  ERR_NFS_DEADLINE: "DeadlineError",
  ERR_NFS_FILE_CHANGED: "FileChangedError",
  ERR_NFS_OUTCOME_UNKNOWN: "OutcomeUnknownError",
  ERR_NFS_PATH: "InvalidPathError",
  ERR_NFS_PRECONDITION: "PreconditionError",
  ERR_NFS_PROTOCOL: "ProtocolError",
  ERR_NFS_STATUS: "NfsStatusError",
};

const CHANNELS: Readonly<Record<keyof NfsDiagnostics, true>> = {
  "nfs-client:connect": true,
  "nfs-client:disconnect": true,
  "nfs-client:session:created": true,
  "nfs-client:session:lost": true,
  "nfs-client:compound": true,
  "nfs-client:retry": true,
  "nfs-client:delay": true,
  "nfs-client:fence": true,
};

test("every error has a code of its own", () => {
  const errors = Object.values(api).flatMap((each) => {
    if (typeof each !== "function" || !(each.prototype instanceof NfsError)) return [];
    return [
      each === NfsStatusError
        ? new NfsStatusError(statusCode("NFS4ERR_NOENT"), Op.LOOKUP)
        : Reflect.construct(each, ["x"]),
    ];
  });
  expect(Object.fromEntries(errors.map(({ code, name }) => [code, name]))).toEqual(CODES);
  expect(errors).toHaveLength(Object.keys(CODES).length);
  expect(new XdrError("x").code).toBe("ERR_NFS_XDR");
});

test.each(Object.entries(CODES))("the README explains %s", (code, name) => {
  expect(readme).toContain(`| \`${code}\` | \`${name}\` |`);
});

test.each(Object.keys(CHANNELS))("the README explains the channel %s", (name) => {
  expect(readme).toContain(`| \`${name}\` |`);
});
