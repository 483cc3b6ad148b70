/** Bodies of S3's requests as networks and attackers make them: data in chunks, and documents. */
import { createHash } from "node:crypto";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod";
import { S3Error } from "../../fargate-app/src/s3/errors.ts";
import { chunkingOf, decodeChunks } from "../../fargate-app/src/s3/signature/chunks.ts";
import { fromXml, repeated } from "../../fargate-app/src/s3/xml.ts";
import { CHUNKED_KINDS, type ChunkedKind, chunkedLength, encodeChunked, TRAILER_NAME } from "../support/aws-chunked.ts";
import { OWNER, startMemoryS3Server } from "../support/memory-s3-server.ts";
import { reportAtEnd, rounds, seed } from "../support/reliability.ts";
import { signed } from "../support/s3-signer.ts";

const counts = { "bodies in chunks": 0, accepted: 0, "refused or cut off": 0, documents: 0, "malformed documents": 0 };
reportAtEnd("S3 bodies", () => counts);

const parameters = (short: number, long: number) => ({ numRuns: rounds(short, long), seed });

/** Milliseconds within which a request has a response, or its connection is closed. */
const DEADLINE = 10_000;

type Fault =
  | { readonly kind: "none" }
  | { readonly kind: "flipped"; readonly at: number; readonly change: number }
  | { readonly kind: "cut"; readonly at: number };

const faults: fc.Arbitrary<Fault> = fc.oneof(
  fc.constant<Fault>({ kind: "none" }),
  fc.record({ kind: fc.constant("flipped"), at: fc.nat(), change: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant("cut"), at: fc.nat() }),
);

function withFault(body: Buffer, fault: Fault): Buffer {
  if (fault.kind === "cut") return body.subarray(0, fault.at % body.length);
  const copy = Buffer.from(body);
  if (fault.kind === "flipped") {
    const at = fault.at % copy.length;
    copy.writeUInt8(copy.readUInt8(at) ^ fault.change, at);
  }
  return copy;
}

/** The bytes in pieces that end at these places. */
function inPieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(0, -1).map((place, index) => bytes.subarray(place, places[index + 1]));
}

/** Sends pieces as TCP segments, and then nothing more. Returns the status of the response, if there is one. */
async function send(url: string, pieces: readonly Buffer[]): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let received = "";
  const closed = new Promise<void>((resolve, reject) => {
    socket.setTimeout(DEADLINE, () => reject(new Error(`Nothing came for ${DEADLINE} ms, after ${received}`)));
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
    });
    // Reset, or written to after it was closed: that is an end, too.
    socket.on("error", () => {});
    socket.on("close", () => resolve());
  });
  for (const piece of pieces) {
    if (piece.length > 0) socket.write(piece);
    await setImmediate();
  }
  socket.end();
  try {
    await closed;
  } finally {
    socket.destroy();
  }
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(received) ?? [];
  return status === undefined ? undefined : Number(status);
}

async function chunkedPut(kind: ChunkedKind, key: string, chunks: readonly Buffer[]) {
  const date = new Date();
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const { method, url, headers } = await signed(
    OWNER,
    {
      method: "PUT",
      bucket: "bucket",
      key,
      query: [],
      headers: {
        host: "127.0.0.1",
        "content-encoding": "aws-chunked",
        "content-length": String(chunkedLength(chunks, kind)),
        "x-amz-content-sha256": kind,
        "x-amz-decoded-content-length": String(length),
        ...(kind !== "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" && { "x-amz-trailer": TRAILER_NAME }),
      },
    },
    { signedIn: "header", date },
  );
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${url} HTTP/1.1\r\n${lines.join("")}connection: close\r\n\r\n`, "latin1");
  const { "x-amz-date": timestamp = "", authorization = "" } = Object.fromEntries(headers);
  const signature = authorization.slice(-64);
  const signing = { secretAccessKey: OWNER.secretAccessKey, timestamp, region: "ap-northeast-1", signature };
  return { head, body: encodeChunked(chunks, kind, signing) };
}

const chunkLists = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40 }) },
    { weight: 1, arbitrary: fc.integer({ min: 8_000, max: 70_000 }).map((size) => new Uint8Array(size).fill(size)) },
  ),
  { maxLength: 6 },
);

test("an object in chunks is there as it was sent, or not at all, whatever the network makes of it", async () => {
  const { url, client, router } = await startMemoryS3Server();
  const Key = "object";
  let content = Buffer.from("the first one");
  await client.send(new PutObjectCommand({ Bucket: "bucket", Key, Body: content }));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CHUNKED_KINDS),
      chunkLists,
      faults,
      fc.array(fc.nat(), { maxLength: 12 }),
      async (kind, lists, fault, cuts) => {
        const chunks = lists.map((bytes) => Buffer.from(bytes));
        const { head, body } = await chunkedPut(kind, Key, chunks);
        const sent = withFault(body, fault);
        const status = await send(url, [head, ...inPieces(sent, cuts)]);
        counts["bodies in chunks"] += 1;
        counts[status === 200 ? "accepted" : "refused or cut off"] += 1;
        if (fault.kind === "none") expect(status).toBe(200);
        if (status !== undefined && status !== 200) expect([400, 403]).toContain(status);
        if (status === 200) content = Buffer.concat(chunks);
        const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket: "bucket", Key }));
        const found = Buffer.from((await Body?.transformToByteArray()) ?? []);
        expect(found.equals(content)).toBe(true);
        expect(ETag).toBe(`"${createHash("md5").update(content).digest("hex")}"`);
        await expect.poll(() => router.memory.reserved).toBe(0);
      },
    ),
    { ...parameters(150, 5_000), endOnFailure: true },
  );
});

test("chunks take little memory, whatever they say of themselves", async () => {
  const scope = { date: "20261129", region: "ap-northeast-1", service: "s3" };
  const signing = { key: Buffer.alloc(32), timestamp: "20261129T080000Z", scope, signature: "0".repeat(64) };
  const words = fc.constantFrom(
    "0",
    "1",
    "a",
    "ffffffffffff",
    "\r\n",
    "\r",
    "\n",
    ";chunk-signature=",
    "a".repeat(64),
    "x:y\r\n",
    "z".repeat(3_000),
    "1\r\na\r\n",
    "0\r\n",
    ":",
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...CHUNKED_KINDS),
      fc.array(words, { maxLength: 60 }),
      fc.array(fc.nat(), { maxLength: 40 }),
      async (kind, list, cuts) => {
        const pieces = inPieces(Buffer.from(list.join("").repeat(20)), cuts);
        const largest = Math.max(...pieces.map(({ length }) => length));
        let held = 0;
        async function* source() {
          for (const piece of pieces) {
            held += piece.length;
            // A line, a trailer, and what is gathered until it is worth passing on.
            expect(held).toBeLessThanOrEqual(2 * largest + 32_768);
            yield piece;
          }
        }
        const chunking = chunkingOf(kind);
        if (chunking === undefined) throw new Error(`${kind} has no chunks`);
        try {
          for await (const { length } of decodeChunks(source(), chunking, signing, () => {})) held -= length;
        } catch (error) {
          expect(error).toBeInstanceOf(S3Error);
        }
      },
    ),
    parameters(300, 20_000),
  );
});

const schema = z.object({
  Object: repeated(z.object({ Key: z.string().min(1) }), 1_000),
  Quiet: z.enum(["true", "false"]).optional(),
});

const read = (text: string) => fromXml(text, "Delete", schema).Object.map(({ Key }) => Key);

/** What XML can carry: its characters, but for line ends, which are others when they are read. */
const keys = fc
  .string({
    unit: fc.oneof(fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }), fc.constantFrom(..."&<>'\" ]#;")),
    minLength: 1,
    maxLength: 20,
  })
  .filter((key) => /^[\t\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(key));

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "'": "&apos;",
  '"': "&quot;",
};

/** The ways to write text in XML. */
const SPELLINGS: readonly ((key: string) => string)[] = [
  (key) => key.replace(/[&<>'"]/g, (char) => entities[char] ?? ""),
  (key) => [...key].map((char) => `&#${char.codePointAt(0)};`).join(""),
  (key) => [...key].map((char) => `&#x${char.codePointAt(0)?.toString(16)};`).join(""),
  (key) => `<![CDATA[${key.replaceAll("]]>", "]]]]><![CDATA[>")}]]>`,
];

const documents = fc
  .record({
    keys: fc.array(fc.tuple(keys, fc.constantFrom(...SPELLINGS)), { minLength: 1, maxLength: 5 }),
    declaration: fc.constantFrom("", '<?xml version="1.0"?>', "<?xml version='1.0' encoding='utf-8' ?>\n"),
    prefix: fc.constantFrom("", "s3:"),
    between: fc.constantFrom("", "\n  ", "<!-- a comment & < -->"),
  })
  .map(({ keys, declaration, prefix, between }) => {
    const element = (name: string, text: string) => `<${prefix}${name}>${text}</${prefix}${name}>`;
    const objects = keys.map(([key, spell]) => element("Object", between + element("Key", spell(key))));
    const namespace =
      'xmlns="http://s3.amazonaws.com/doc/2006-03-01/" xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"';
    const text = `${declaration}${between}<${prefix}Delete ${namespace}>${objects.join(between)}${between}</${prefix}Delete>\n`;
    return { text, keys: keys.map(([key]) => key) };
  });

test("a document is read as it was meant, however it is written", () => {
  fc.assert(
    fc.property(documents, ({ text, keys }) => {
      counts.documents += 1;
      expect(read(text)).toEqual(keys);
    }),
    parameters(300, 20_000),
  );
});

/** Characters that XML does not have. */
const FORBIDDEN = ["\0", "\u0001", "\ufffe"];

test("what is no document is malformed, and nothing else goes wrong with it", () => {
  const fragments = fc.constantFrom(
    "<",
    ">",
    "&",
    "&x;",
    "&#0;",
    "&nbsp;",
    "]]>",
    "<![CDATA[",
    "<!--",
    "-->",
    "<?",
    "?>",
    "<!DOCTYPE Delete [<!ENTITY x 'y'>]>",
    "<Key>",
    "</Key>",
    "</Delete>",
    "<Delete>",
    ...FORBIDDEN,
    "=",
    '"',
    "xmlns:a=",
    "a:",
    "__proto__",
    "<constructor/>",
  );
  fc.assert(
    fc.property(
      documents,
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), fragments), { minLength: 1, maxLength: 3 }),
      ({ text }, edits) => {
        const changed = edits.reduce((before, [at, removed, added]) => {
          const place = at % before.length;
          return before.slice(0, place) + added + before.slice(place + removed);
        }, text);
        counts.documents += 1;
        try {
          for (const key of read(changed)) expect(FORBIDDEN.some((char) => key.includes(char))).toBe(false);
        } catch (error) {
          counts["malformed documents"] += 1;
          expect(error).toMatchObject({ code: "MalformedXML", status: 400 });
        }
      },
    ),
    parameters(1_000, 100_000),
  );
});
