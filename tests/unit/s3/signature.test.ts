import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AccessKey } from "../../../fargate-app/src/s3/access-keys.ts";
import { type Authenticated, authenticate } from "../../../fargate-app/src/s3/signature/authenticate.ts";
import { chunkingOf, decodeChunks } from "../../../fargate-app/src/s3/signature/chunks.ts";
import {
  canonicalRequest,
  scopeText,
  sha256,
  sign,
  signingKey,
  stringToSign,
} from "../../../fargate-app/src/s3/signature/signature.ts";
import { uriDecode, uriEncode } from "../../../fargate-app/src/s3/signature/uri-encoding.ts";
import { parseTarget } from "../../../fargate-app/src/s3/target.ts";
import { signed } from "../../support/s3-signer.ts";

/** The key, the time and the signatures are those of the examples in the S3 API reference. */
const KEY: AccessKey = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  readOnly: false,
};
const NOW = Date.UTC(2013, 4, 24);
const EMPTY = sha256("");

interface Example {
  readonly method?: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

function authenticateAt(now: number, { method = "GET", url, headers }: Example): Authenticated {
  const keysOf = (id: string) => (id === KEY.accessKeyId ? [KEY] : []);
  return authenticate({ method, rawHeaders: Object.entries(headers).flat() }, parseTarget(url), keysOf, now);
}

function authorization(signedHeaders: string, signature: string): string {
  const credential = `${KEY.accessKeyId}/20130524/us-east-1/s3/aws4_request`;
  return `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

const HEADERS = {
  host: "examplebucket.s3.amazonaws.com",
  "x-amz-content-sha256": EMPTY,
  "x-amz-date": "20130524T000000Z",
};

const GET: Example = {
  url: "/test.txt",
  headers: {
    ...HEADERS,
    range: "bytes=0-9",
    authorization: authorization(
      "host;range;x-amz-content-sha256;x-amz-date",
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
  },
};

const PUT: Example = {
  method: "PUT",
  url: "/test%24file.text",
  headers: {
    ...HEADERS,
    date: "Fri, 24 May 2013 00:00:00 GMT",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    authorization: authorization(
      "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
      "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
  },
};

const LIST: Example = {
  url: "/?max-keys=2&prefix=J",
  headers: {
    ...HEADERS,
    authorization: authorization(
      "host;x-amz-content-sha256;x-amz-date",
      "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ),
  },
};

const PRESIGNED: Example = {
  url:
    "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  headers: { host: "examplebucket.s3.amazonaws.com" },
};

/** A request as the AWS SDK signs it. */
async function signedBySdk(headers: Readonly<Record<string, string>>): Promise<Example> {
  const request = { method: "GET", bucket: "bucket", key: "key", query: [], headers: { ...HEADERS, ...headers } };
  const { url, headers: sent } = await signed(KEY, request, { signedIn: "header", date: new Date(NOW) });
  return { url, headers: Object.fromEntries(sent) };
}

test("a URL with a #, which a client forgot to encode, is refused", () => {
  expect(() => parseTarget("/bucket/a#b")).toThrow(expect.objectContaining({ code: "InvalidURI" }));
  expect(parseTarget("/bucket/a%23b").key).toBe("a#b");
});

describe("a signature", () => {
  test.each([
    ["a GET with a range", GET],
    ["a PUT with a key that is percent-encoded", PUT],
    ["a listing with a query", LIST],
    ["a presigned URL", PRESIGNED],
  ])("of the API reference's example is accepted: %s", (_name, example) => {
    expect(authenticateAt(NOW, example).accessKey).toBe(KEY);
  });

  test.each([
    ["another method", { ...GET, method: "DELETE" }],
    ["another key", { ...GET, url: "/other.txt" }],
    ["another query", { ...LIST, url: "/?max-keys=3&prefix=J" }],
    ["another range", { ...GET, headers: { ...GET.headers, range: "bytes=0-99" } }],
    ["another digest of the body", { ...GET, headers: { ...GET.headers, "x-amz-content-sha256": sha256("x") } }],
    ["a longer life", { ...PRESIGNED, url: PRESIGNED.url.replace("Expires=86400", "Expires=86401") }],
  ])("is not that of a request with %s", (_name, example) => {
    expect(() => authenticateAt(NOW, example)).toThrow(expect.objectContaining({ code: "SignatureDoesNotMatch" }));
  });

  test("does not hold for another host, nor for a header of S3's that it does not cover", () => {
    const moved = { ...GET, headers: { ...GET.headers, host: "example.com" } };
    expect(() => authenticateAt(NOW, moved)).toThrow(expect.objectContaining({ code: "SignatureDoesNotMatch" }));
    const added = { ...GET, headers: { ...GET.headers, "x-amz-meta-added": "1" } };
    expect(() => authenticateAt(NOW, added)).toThrow(expect.objectContaining({ code: "AccessDenied" }));
  });

  test.each(["20130524T000000Z", "Fri, 24 May 2013 00:00:00 GMT", "Fri, 24 May 2013 00:00:00 -0000"])(
    "has its time from the Date header where x-amz-date is missing: %s",
    (date) => {
      const url = "/test.txt";
      const { "x-amz-date": timestamp, ...rest } = HEADERS;
      const headers = { ...rest, date };
      const signedHeaders = ["date", "host", "x-amz-content-sha256"];
      const scope = { date: "20130524", region: "us-east-1", service: "s3" };
      const canonical = canonicalRequest({
        method: "GET",
        encodedPath: url,
        query: [],
        headers: new Map(Object.entries(headers)),
        signedHeaders,
        payloadHash: EMPTY,
      });
      const signature = sign(signingKey(KEY.secretAccessKey, scope), stringToSign(timestamp, scope, canonical));
      const example = {
        url,
        headers: { ...headers, authorization: authorization(signedHeaders.join(";"), signature) },
      };
      expect(authenticateAt(NOW, example).accessKey).toBe(KEY);
      expect(() => authenticateAt(NOW + 16 * 60_000, example)).toThrow(
        expect.objectContaining({ code: "RequestTimeTooSkewed" }),
      );
    },
  );

  test.each(["à", "a à", "a\tb", " a  b\t"])("covers a header's value, whatever blanks it has: %j", async (value) => {
    const { url, headers } = await signedBySdk({ "x-amz-meta-a": value });
    expect(authenticateAt(NOW, { url, headers }).accessKey).toBe(KEY);
  });

  test("covers that a header is there, even an empty one", async () => {
    const { url, headers } = await signedBySdk({ "x-amz-meta-a": "" });
    expect(authenticateAt(NOW, { url, headers }).accessKey).toBe(KEY);
    const { "x-amz-meta-a": _, ...fewer } = headers;
    expect(() => authenticateAt(NOW, { url, headers: fewer })).toThrow(
      expect.objectContaining({ code: "SignatureDoesNotMatch" }),
    );
  });

  test("covers all of the query but itself", () => {
    for (const { url, ...example } of [GET, PRESIGNED]) {
      const added = `${url}${url.includes("?") ? "&" : "?"}X-Amz-Signature=0`;
      expect(() => authenticateAt(NOW, { ...example, url: added })).toThrow(
        expect.objectContaining({ code: "SignatureDoesNotMatch" }),
      );
    }
  });

  test("is good for 15 minutes around its time, and a presigned one until it expires", () => {
    const minute = 60_000;
    for (const skew of [-15 * minute, 15 * minute]) expect(authenticateAt(NOW + skew, GET).accessKey).toBe(KEY);
    for (const skew of [-16 * minute, 16 * minute]) {
      expect(() => authenticateAt(NOW + skew, GET)).toThrow(expect.objectContaining({ code: "RequestTimeTooSkewed" }));
    }
    const day = 86_400_000;
    expect(authenticateAt(NOW + day, PRESIGNED).accessKey).toBe(KEY);
    expect(() => authenticateAt(NOW + day + 1_000, PRESIGNED)).toThrow("Request has expired");
    expect(() => authenticateAt(NOW - 16 * minute, PRESIGNED)).toThrow("Request is not yet valid");
  });

  test("of a key that is not known is refused, and so is a request without one", () => {
    const other = {
      ...GET.headers,
      authorization: GET.headers.authorization?.replace(KEY.accessKeyId, "AKIDOTHER") ?? "",
    };
    expect(() => authenticateAt(NOW, { ...GET, headers: other })).toThrow(
      expect.objectContaining({ code: "InvalidAccessKeyId" }),
    );
    expect(() => authenticateAt(NOW, { ...GET, headers: HEADERS })).toThrow(
      expect.objectContaining({ code: "AccessDenied" }),
    );
  });

  test("that is garbled is refused with a status that says so, whatever it is", () => {
    const header = GET.headers.authorization ?? "";
    fc.assert(
      fc.property(fc.nat(header.length), fc.string({ maxLength: 5 }), (at, text) => {
        const garbled = header.slice(0, at) + text + header.slice(at + text.length);
        // What is only appended changes nothing: a space, or a field that nobody knows.
        fc.pre(garbled !== header && garbled.length === header.length);
        const headers = { ...GET.headers, authorization: garbled };
        expect(() => authenticateAt(NOW, { ...GET, headers })).toThrow(
          expect.objectContaining({ status: expect.toSatisfy((status) => status === 400 || status === 403) }),
        );
      }),
    );
  });
});

test("percent-encoding keeps every text, and writes nothing but what signatures allow", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(uriEncode(text)).toMatch(/^([A-Za-z0-9._~-]|%[0-9A-F]{2})*$/);
      expect(uriDecode(uriEncode(text))).toBe(text);
    }),
  );
});

/** The API reference's example of a body in chunks: 64 KiB and 1 KiB of `a`. */
const STREAMED: Example = {
  method: "PUT",
  url: "/examplebucket/chunkObject.txt",
  headers: {
    host: "s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "content-encoding": "aws-chunked",
    "content-length": "66824",
    "x-amz-decoded-content-length": "66560",
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    authorization: authorization(
      "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
      "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    ),
  },
};
const SIGNED_CHUNKS = Buffer.from(
  [
    "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "a".repeat(65_536),
    "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "a".repeat(1_024),
    "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    "",
    "",
  ].join("\r\n"),
);

/** The bytes in pieces that end at these places. */
async function* inPieces(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [index, place] of places.slice(0, -1).entries()) {
    const piece = bytes.subarray(place, places[index + 1]);
    if (piece.length > 0) yield piece;
  }
}

async function decoded(
  bytes: Buffer,
  payloadHash: string,
  seed: Authenticated["seed"],
  cuts: readonly number[] = [],
): Promise<{ readonly data: Buffer; readonly trailer: ReadonlyMap<string, string> }> {
  const chunking = chunkingOf(payloadHash);
  if (chunking === undefined) throw new Error("The body has no chunks");
  let trailer: ReadonlyMap<string, string> = new Map();
  const chunks: Buffer[] = [];
  const onTrailer = (fields: typeof trailer) => {
    trailer = fields;
  };
  for await (const chunk of decodeChunks(inPieces(bytes, cuts), chunking, seed, onTrailer)) chunks.push(chunk);
  return { data: Buffer.concat(chunks), trailer };
}

describe("a body in chunks", () => {
  const { seed, payloadHash } = authenticateAt(NOW, STREAMED);

  test("is the API reference's example, however it is cut into pieces", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { maxLength: 20 }), async (cuts) => {
        const { data } = await decoded(SIGNED_CHUNKS, payloadHash, seed, cuts);
        expect(data.equals(Buffer.alloc(66_560, "a"))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test("is refused when any byte of it is another one, and when its end is missing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(SIGNED_CHUNKS.length - 3), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(SIGNED_CHUNKS);
        bytes.writeUInt8(bytes.readUInt8(at) ^ change, at);
        // Hexadecimal digits in upper case are the same size.
        fc.pre(bytes.toString("latin1").toLowerCase() !== SIGNED_CHUNKS.toString("latin1"));
        await expect(decoded(bytes, payloadHash, seed)).rejects.toMatchObject({ name: "S3Error" });
      }),
      { numRuns: 100 },
    );
    await expect(decoded(SIGNED_CHUNKS.subarray(0, 70_000 - 4_000), payloadHash, seed)).rejects.toMatchObject({
      code: "IncompleteBody",
    });
  });

  test("has a trailer, which is signed where the chunks are", async () => {
    const unsigned = "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    const { data, trailer } = await decoded(Buffer.from(unsigned), "STREAMING-UNSIGNED-PAYLOAD-TRAILER", seed);
    expect([data.toString(), trailer.get("x-amz-checksum-crc32")]).toEqual(["hello", "NhCmhg=="]);

    const hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    const own = signedWithTrailer(seed, "hello", "x-amz-checksum-crc32:NhCmhg==");
    expect((await decoded(Buffer.from(own), hash, seed)).trailer.get("x-amz-checksum-crc32")).toBe("NhCmhg==");
    const forged = own.replace("NhCmhg==", "AAAAAA==");
    await expect(decoded(Buffer.from(forged), hash, seed)).rejects.toMatchObject({ code: "SignatureDoesNotMatch" });
  });

  test("is passed on in pieces of some size, however small its chunks are: each takes memory of its own", async () => {
    const body = Buffer.from(`${"1\r\na\r\n".repeat(100_000)}0\r\n\r\n`);
    const chunking = { isSigned: false, hasTrailer: true };
    const sizes: number[] = [];
    for await (const { length } of decodeChunks(inPieces(body, [70_000]), chunking, seed, () => {})) sizes.push(length);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(100_000);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(8_192);
  });

  test("that sign in a way which is not known are refused before anything is read", () => {
    expect(() => chunkingOf("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")).toThrow("is not implemented");
    expect(chunkingOf("UNSIGNED-PAYLOAD")).toBeUndefined();
  });
});

/** A body of one chunk, signed as the API reference says. */
function signedWithTrailer({ key, timestamp, scope, signature }: Authenticated["seed"], data: string, field: string) {
  const chain = (algorithm: string, before: string, ...hashes: string[]) =>
    sign(key, [algorithm, timestamp, scopeText(scope), before, ...hashes].join("\n"));
  const chunk = chain("AWS4-HMAC-SHA256-PAYLOAD", signature, EMPTY, sha256(data));
  const last = chain("AWS4-HMAC-SHA256-PAYLOAD", chunk, EMPTY, EMPTY);
  const trailer = chain("AWS4-HMAC-SHA256-TRAILER", last, sha256(`${field}\n`));
  return (
    `${data.length.toString(16)};chunk-signature=${chunk}\r\n${data}\r\n0;chunk-signature=${last}\r\n` +
    `${field}\r\nx-amz-trailer-signature:${trailer}\r\n\r\n`
  );
}
