import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { decodeName } from "nfs-client";
import { afterAll, describe, expect, test } from "vitest";
import { formatAttributes, formatTime } from "../../../packages/nfs-client/src/cli/format.ts";
import {
  parseLocation,
  printable,
  spellName,
  spellPath,
  UsageError,
} from "../../../packages/nfs-client/src/cli/location.ts";
import { parseMode } from "../../../packages/nfs-client/src/cli/mode.ts";
import { wholeNumber } from "../../../packages/nfs-client/src/cli/numbers.ts";
import { progressLine } from "../../../packages/nfs-client/src/cli/progress.ts";

describe("places", () => {
  test.each([
    ["nfs://host/a/b", { host: "host", port: undefined }, "/a/b", false],
    ["NFS://127.0.0.1:2050/a", { host: "127.0.0.1", port: 2050 }, "/a", false],
    ["nfs://[::1]:2049/", { host: "::1", port: 2049 }, "/", true],
    ["nfs://host", { host: "host", port: undefined }, "/", false],
    ["nfs://host//a//b/", { host: "host", port: undefined }, "/a/b", true],
    ["/a b/日本", undefined, "/a b/日本", false],
    ["/a%23%3F%5C%25%09%20", undefined, "/a#?\\%\t ", false],
    ["/x%E9", undefined, "/x\udce9", false],
    ["/%E6%97%A5", undefined, "/日", false],
    ["/...", undefined, "/...", false],
  ])("%j", (text, server, path, isDirectory) => {
    expect(parseLocation(text)).toEqual({ server, path, isDirectory });
  });

  test.each([
    ["nfs://h/report#1", "write %23"],
    ["nfs://h/inv?2", "write %3F"],
    ["nfs://h/a ", "write %20"],
    ["nfs://h/a\n", "write %0A"],
    ["nfs://h/a\tb", "write %09"],
    ["nfs://h/a\\b", "write %5C"],
    ["nfs://h/a\u2028b", "write %E2%80%A8"],
    ["nfs://h/x\ufffd", "write the bytes"],
    ["nfs://h/50%", "write %25"],
    ["nfs://h/%FG", "write %25"],
    ["nfs://h/a/./b", "not the name of a file"],
    ["nfs://h/a/../b", "not the name of a file"],
    ["nfs://h/a/%2E%2e/b", "not the name of a file"],
    ["nfs://h/a%2Fb", "No name has the character"],
    ["nfs://h/a%00", "No name has the character"],
    ["nfs://h:0/a", "must be from 1 to 65535"],
    ["nfs://h:65536/a", "must be from 1 to 65535"],
    ["nfs://h:/a", "neither nfs://HOST"],
    ["nfs://user@h/a", "neither nfs://HOST"],
    ["nfs:///a", "neither nfs://HOST"],
    [" nfs://h/a", "neither nfs://HOST"],
    ["http://h/a", "neither nfs://HOST"],
    ["a", "neither nfs://HOST"],
    ["", "neither nfs://HOST"],
  ])("%j is refused, not changed", (text, message) => {
    expect(() => parseLocation(text)).toThrow(UsageError);
    expect(() => parseLocation(text)).toThrow(message);
  });

  test("a text either means its own characters, or is refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 12 }), (text) => {
        try {
          const { path } = parseLocation(`nfs://h/${text}`);
          const named = text.replace(/%[\da-f]{2}/gi, "");
          for (const character of named) expect(path).toContain(character);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("every name is shown on one line, as it can be given back", () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => decodeName(Buffer.from(bytes)))
      .filter((text) => !/^\.{1,2}$|[/\0]/.test(text));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (names) => {
        const spelled = spellPath(`/${names.join("/")}`);
        expect(spelled).not.toMatch(/[\p{Cc}\p{Cs}\p{Cf}]/u);
        expect(parseLocation(spelled).path).toBe(`/${names.join("/")}`);
        expect(parseLocation(`nfs://h/${names.map(spellName).join("/")}`).path).toBe(`/${names.join("/")}`);
      }),
      { numRuns: 2_000 },
    );
  });

  test("messages control no terminal", () => {
    expect(printable("on /a\u001b[31m\n\udce9\ud800 é")).toBe("on /a%1B[31m%0A%E9\ufffd é");
  });
});

describe("values", () => {
  test.each([
    [0, "1970-01-01T00:00:00.000Z"],
    [-1, "1969-12-31T23:59:59.999Z"],
    [Date.UTC(9999, 11, 31, 23, 59, 59, 999), "9999-12-31T23:59:59.999Z"],
    [Date.UTC(10_000, 0), "@253402300800"],
    [2 ** 44 * 1000, "@17592186044416"],
    [-(2 ** 44) * 1000, "@-17592186044416"],
    [2 ** 50 * 1000, "@1125899906842624"],
  ])("the time %d is %s", (milliseconds, text) => {
    expect(formatTime(milliseconds)).toBe(text);
    const attributes = {
      type: "file",
      size: 0,
      mode: 0o4755,
      change: 0n,
      fileId: 0n,
      modifiedAt: milliseconds,
    } as const;
    expect(formatAttributes(attributes)).toMatch(/^-4755 {12}0 [@\d]/);
  });

  test.each(["", " ", "-1", "1e3", "0x10", "1.0", "11", "１"])("%j is no number from 0 to 10", (text) => {
    expect(() => wholeNumber("size", text, 10)).toThrow(UsageError);
    expect([wholeNumber("size", "0", 10), wholeNumber("size", "10", 10)]).toEqual([0, 10]);
  });

  test("progress, before and after all is counted, and where there is nothing", () => {
    expect(progressLine({ done: 1234, bytes: 2048, total: undefined })).toBe("1,234 done, 2.0 KiB");
    expect(progressLine({ done: 1, bytes: 0, total: 2 })).toMatch(/^\[#{15}-{15}\] 50 % {2}1 of 2$/);
    expect(progressLine({ done: 2, bytes: 0, total: undefined })).toBe("2 done");
    expect(progressLine({ done: 0, bytes: 0, total: 0 })).toContain(" 0 % ");
  });
});

describe("modes", () => {
  const folder = mkdtempSync(join(tmpdir(), "modes-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "file"), "");
  mkdirSync(join(folder, "directory"));

  /** What the machine's chmod makes of it. */
  function realMode(kind: string, mode: number, change: string): number {
    const path = join(folder, kind);
    const script = `umask 0; chmod "0$1" "$3" && chmod -- "$2" "$3"`;
    execFileSync("sh", ["-c", script, "sh", mode.toString(8).padStart(4, "0"), change, path]);
    return statSync(path).mode & 0o7777;
  }

  const clause = fc
    .tuple(
      fc.constantFrom("", "u", "g", "o", "a", "ug", "go", "ugo"),
      fc.constantFrom("+", "-", "="),
      fc.constantFrom("", "r", "w", "x", "X", "rw", "rwX", "s", "t", "rwxst"),
    )
    .map((parts) => parts.join(""));
  const change = fc.oneof(
    fc.array(clause, { minLength: 1, maxLength: 3 }).map((clauses) => clauses.join(",")),
    fc.integer({ min: 0, max: 0o7777 }).map((mode) => mode.toString(8)),
  );

  test("are changed as chmod changes them", () => {
    fc.assert(
      fc.property(change, fc.integer({ min: 0, max: 0o7777 }), fc.boolean(), (text, before, isDirectory) => {
        const kind = isDirectory ? "directory" : "file";
        // chmod keeps what a directory has of these bits: begin without.
        const mode = isDirectory ? before & 0o1777 : before;
        expect(parseMode(text)(mode, isDirectory)).toBe(realMode(kind, mode, text));
      }),
      { numRuns: 150 },
    );
    expect(parseMode("755")(0o2700, true)).toBe(0o2755);
    expect(parseMode("u=rwX,go=rX")(0o2600, false)).toBe(0o0644);
  });

  test.each(["", "8", "07777", "u", "u+q", "u+r,", "+r w", "rwx"])("%j is none", (text) => {
    expect(() => parseMode(text)).toThrow("is no mode");
  });
});
