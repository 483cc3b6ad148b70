/** Requests to the S3 API, signed by the AWS SDK's signer: each is accepted, and none that somebody has changed on its way. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { AccessKey } from "../../fargate-app/src/s3/access-keys.ts";
import { S3Error } from "../../fargate-app/src/s3/errors.ts";
import { authenticate } from "../../fargate-app/src/s3/signature/authenticate.ts";
import { parseTarget } from "../../fargate-app/src/s3/target.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { type SentRequest, type SignedIn, signed, type UnsignedRequest } from "../support/s3-signer.ts";

const KEY: AccessKey = { accessKeyId: "AKIATESTTESTTESTTEST", secretAccessKey: "secret".repeat(7), readOnly: false };
const DATE = new Date(Date.UTC(2026, 10, 29, 8, 0, 0));

const counts = { "signed requests": 0, "changed requests": 0, refused: 0, "changed in spelling only": 0 };
reportAtEnd("S3 signatures", () => counts);

const parameters = (short: number, long: number) => ({ numRuns: rounds(short, long), seed });

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const names = fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/);

/** What HTTP can carry and nobody trims. To the SDK's signer, all that Unicode calls white space is a space. */
const headerValue = fc
  .string({
    unit: fc.oneof(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
      fc.constantFrom(" ", "\t", "à", "É", "…", ",", "  "),
    ),
    maxLength: 12,
  })
  .map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ""))
  .filter((value) => !/[^\S \t]|[^\P{Cc}\t]/u.test(value));

const requests: fc.Arbitrary<UnsignedRequest> = fc.record({
  method: fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE"),
  bucket: fc.constantFrom("bucket", "my.bucket-2"),
  key: fc
    .array(fc.oneof(text, fc.constantFrom("", ".", "..", "%2F", "a b", "+", "%", "?#&=")), { maxLength: 4 })
    .map((parts) => parts.join("/")),
  query: fc
    .array(fc.tuple(fc.oneof(text, names), text), { maxLength: 4 })
    .filter((query) => query.every(([name]) => name !== "__proto__" && !name.toLowerCase().startsWith("x-amz-"))),
  headers: fc
    .dictionary(
      fc.oneof(
        names.map((name) => `x-amz-meta-${name}`),
        fc.constantFrom("content-type", "if-match", "range", "content-md5"),
      ),
      headerValue,
      { maxKeys: 4 },
    )
    .chain((headers) =>
      fc
        .constantFrom("UNSIGNED-PAYLOAD", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        .map((hash) => ({
          host: "127.0.0.1",
          "x-amz-content-sha256": hash,
          ...headers,
        })),
    ),
});

const signedIn = fc.constantFrom<SignedIn>("header", "query");

const sign = (request: UnsignedRequest, where: SignedIn) => signed(KEY, request, { signedIn: where, date: DATE });

function accept({ method, url, headers }: SentRequest): ReturnType<typeof authenticate> {
  const keysOf = (id: string) => (id === KEY.accessKeyId ? [KEY] : []);
  return authenticate({ method, rawHeaders: headers.flat() }, parseTarget(url), keysOf, DATE.getTime());
}

/** The statuses of a request that is refused for what its signature is. */
const refusal = expect.toSatisfy((error) => error instanceof S3Error && [400, 403].includes(error.status));

test("what the SDK has signed is accepted, whatever its key, query and headers are", async () => {
  await fc.assert(
    fc.asyncProperty(requests, signedIn, async (request, where) => {
      counts["signed requests"] += 1;
      const sent = await sign(request, where);
      expect(accept(sent).accessKey).toBe(KEY);
      const { bucket, key } = parseTarget(sent.url);
      expect({ bucket, key }).toEqual({ bucket: request.bucket, key: request.key });
    }),
    parameters(300, 20_000),
  );
});

/** What the router is told by a request, however it is spelled. */
function meaningOf({ method, url, headers }: SentRequest): object {
  const { bucket, key, query } = parseTarget(url);
  return {
    method,
    bucket,
    key,
    query: query.map((pair) => pair.join("=")).sort(),
    // The Authorization header says nothing but the signature.
    headers: Object.fromEntries(
      headers
        .filter(([name]) => name !== "authorization")
        .map(([name, value]) => [name, value.replace(/[ \t]+/g, " ")]),
    ),
  };
}

type Change = (sent: SentRequest) => SentRequest;

function spliced(
  whole: string,
  at: number,
  { removed, added }: { readonly removed: number; readonly added: string },
): string {
  const place = at % (whole.length + 1);
  return whole.slice(0, place) + added + whole.slice(place + removed);
}

/** A few characters of a text are others. */
const edits = fc.record({
  removed: fc.nat({ max: 2 }),
  added: fc.string({ unit: fc.constantFrom(..."a0/%&=+?#;,.-:A~ é"), maxLength: 2 }),
});

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom("GET", "HEAD", "PUT", "POST", "DELETE").map(
    (method): Change =>
      (sent) => ({ ...sent, method }),
  ),
  fc.tuple(fc.nat(), edits).map(
    ([at, edit]): Change =>
      (sent) => ({ ...sent, url: spliced(sent.url, at, edit) }),
  ),
  fc.constantFrom("&a=b", "&X-Amz-Signature=0", "&X-Amz-Expires=604800", "&uploads", "#a").map(
    (added): Change =>
      (sent) => ({ ...sent, url: `${sent.url}${sent.url.includes("?") ? added : added.replace("&", "?")}` }),
  ),
  fc.tuple(fc.nat(), fc.nat(), edits).map(
    ([which, at, edit]): Change =>
      ({ headers, ...sent }) => ({
        ...sent,
        headers: headers.map(([name, value], index) => [
          name,
          index === which % headers.length ? spliced(value, at, edit).trim() : value,
        ]),
      }),
  ),
  fc.nat().map(
    (which): Change =>
      ({ headers, ...sent }) => ({ ...sent, headers: headers.filter((_, index) => index !== which % headers.length) }),
  ),
  fc
    .tuple(
      fc.oneof(
        names.map((name) => `x-amz-${name}`),
        fc.constant("x-amz-copy-source"),
      ),
      headerValue,
    )
    .map(
      ([name, value]): Change =>
        ({ headers, ...sent }) => ({ ...sent, headers: [...headers, [name, value]] }),
    ),
);

test("what somebody has changed since is refused, unless it says the same", async () => {
  await fc.assert(
    fc.asyncProperty(requests, signedIn, changes, async (request, where, change) => {
      const sent = await sign(request, where);
      const changed = change(sent);
      counts["changed requests"] += 1;
      let meaning: object;
      try {
        accept(changed);
        meaning = meaningOf(changed);
      } catch (error) {
        counts.refused += 1;
        expect(error).toEqual(refusal);
        return;
      }
      counts["changed in spelling only"] += 1;
      expect(meaning).toEqual(meaningOf(sent));
    }),
    parameters(1_000, 100_000),
  );
});
