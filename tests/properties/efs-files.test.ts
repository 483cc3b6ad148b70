/** What a client of the file API may do when requests fail, in any sequence: nothing twice, and nothing by half. */
import { connectFiles, type Files, isCode } from "efs-files";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FAULTS, type FaultyFile, type FaultyFileApi, startFaultyFileApi } from "../support/faulty-file-api.ts";

/** Requests of one operation, at most. */
const MAX_REQUESTS = 6;

/** The first version of a file. */
const FIRST = '"1"';
const OLD = "old";
const NEW = "n".repeat(100_000);

let api: FaultyFileApi;
let files: Files;
let paths = 0;

beforeAll(async () => {
  api = await startFaultyFileApi();
  files = connectFiles({ url: api.url, connections: 256 });
});

afterAll(async () => {
  await files?.close();
  await api?.close();
});

const faults = fc.array(fc.constantFrom(...FAULTS), { maxLength: MAX_REQUESTS + 1 });

/** One scenario after the other would wait for one backoff after the other. */
const scenarios = fc.array(faults, { minLength: 60, maxLength: 60 });

const RUNS = { numRuns: 2, endOnFailure: true };

/** Acts on a file of its own, once for each scenario. */
function forAll(
  before: string | undefined,
  act: (path: string) => Promise<unknown>,
  judge: (file: FaultyFile, error: unknown) => void,
): Promise<void> {
  const property = fc.asyncProperty(scenarios, async (all) => {
    await Promise.all(
      all.map(async (each) => {
        const path = `file-${paths++}`;
        const file = api.add(path, before, each);
        const error = await act(path).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        // What is read goes on where it was cut: that is progress.
        expect(file.requests).toBeLessThanOrEqual(
          MAX_REQUESTS + each.filter((fault) => fault === "cut" || fault === "reset-after").length,
        );
        judge(file, error);
      }),
    );
  });
  return fc.assert(property, RUNS);
}

async function* chunks() {
  for (let at = 0; at < NEW.length; at += 10_000) yield NEW.slice(at, at + 10_000);
}

test.concurrent("an append is made once where it succeeds, and where it fails never, unless nobody can tell", async () => {
  await forAll(
    OLD,
    (path) => files.appendFile(path, "+"),
    ({ changes, content }, error) => {
      expect(String(content)).toBe(OLD + "+".repeat(changes));
      if (error === undefined) expect(changes).toBe(1);
      else if (isCode(error, "ERR_OUTCOME_UNKNOWN")) expect(changes).toBeLessThanOrEqual(1);
      else expect(changes).toBe(0);
    },
  );
});

test.concurrent.each([
  ["of the version that is named", OLD, { ifMatch: FIRST }],
  ["where no file is", undefined, { flag: "wx" }],
] as const)(
  "a write %s is made once where it succeeds, and where it fails never, unless nobody can tell",
  async (_, before, condition) => {
    await forAll(
      before,
      (path) => files.writeFile(path, NEW, condition),
      ({ changes, content }, error) => {
        expect(content?.toString()).toBe(changes === 0 ? before : NEW);
        if (error === undefined) expect(changes).toBe(1);
        else if (isCode(error, "ERR_OUTCOME_UNKNOWN")) expect(changes).toBeLessThanOrEqual(1);
        else expect(changes).toBe(0);
      },
    );
  },
);

test.concurrent("a file is replaced as a whole, and so it is where the write succeeds", async () => {
  await forAll(
    OLD,
    (path) => files.writeFile(path, NEW),
    ({ content }, error) => expect([NEW, ...(error === undefined ? [] : [OLD])]).toContain(String(content)),
  );
});

test.concurrent("a stream is sent once, and as a whole", async () => {
  await forAll(
    OLD,
    (path) => files.writeFile(path, chunks()),
    ({ content, changes }, error) => {
      expect(changes).toBeLessThanOrEqual(1);
      expect([NEW, ...(error === undefined ? [] : [OLD])]).toContain(String(content));
    },
  );
});

test.concurrent("what was removed is gone, whatever was lost on the way", async () => {
  await forAll(
    OLD,
    (path) => files.rm(path),
    ({ content }, error) => {
      if (error === undefined) expect(content).toBeUndefined();
      expect(isCode(error, "ENOENT")).toBe(false);
    },
  );
});

test.concurrent("a version that is named is removed once, and no other one", async () => {
  await forAll(
    OLD,
    (path) => files.rm(path, { ifMatch: FIRST }),
    ({ changes }, error) => {
      if (error === undefined) expect(changes).toBe(1);
      else if (!isCode(error, "ERR_OUTCOME_UNKNOWN")) expect(changes).toBe(0);
    },
  );
});

test.concurrent("what is read are the bytes of one version", async () => {
  await forAll(
    NEW,
    async (path) => expect(await files.readFile(path, "utf8")).toBe(NEW),
    (_, error) => expect(error === undefined || isCode(error, "ERR_UNAVAILABLE", "ERR_OUTCOME_UNKNOWN")).toBe(true),
  );
});

test.concurrent("a file that is replaced while it is read is no mixture of both", async () => {
  const path = "replaced";
  const file = api.add(path, "a".repeat(100_000), ["cut"]);
  file.onRequest = () => {
    if (file.requests !== 2) return;
    file.content = Buffer.alloc(100_000, "b");
    file.version += 1;
  };
  await expect(files.readFile(path)).rejects.toMatchObject({ code: "ERR_FILE_CHANGED" });
});
