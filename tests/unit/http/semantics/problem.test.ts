import { BusyError, NfsStatusError } from "nfs-client";
import { Op, type StatusName, statusCode } from "nfs-client/wire";
import { expect, test } from "vitest";
import { problemOf, retryAfter } from "../../../../fargate-app/src/http/semantics/problem.ts";

test.each<[string, StatusName, number, string]>([
  ["a name that is too long, or a path that is too deep", "NFS4ERR_NAMETOOLONG", 400, "255 bytes"],
  ["a path that is too deep, or a name that is too long", "NFS4ERR_NAMETOOLONG", 400, "1,000 directories"],
  ["too many names of one file", "NFS4ERR_MLINK", 409, "177"],
  ["a file that is too large", "NFS4ERR_FBIG", 413, "52,673,613,135,872 bytes"],
])("%s is the client's to change, and the limit is named", (_, name, status, limit) => {
  const problem = problemOf(new NfsStatusError(statusCode(name), Op.CREATE, "/internal/path"));
  expect(problem).toMatchObject({ status, code: name, detail: expect.stringContaining(limit) });
});

test("what the file system cannot do now is to be retried, after the time it needs", () => {
  const limit = new BusyError("limit", "/internal/path");
  expect(problemOf(limit)).toMatchObject({ status: 503, detail: expect.stringContaining("open or locked") });
  expect(retryAfter(problemOf(limit), limit)).toBe(1);
  const locked = new BusyError("locked", "/internal/path", { retryAfter: 61 });
  expect(problemOf(locked)).toMatchObject({ status: 503, detail: expect.stringContaining("locked") });
  expect(retryAfter(problemOf(locked), locked)).toBe(61);
});
