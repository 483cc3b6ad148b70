import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestsOf, withDigests } from "../../../../fargate-app/src/http/semantics/digest.ts";
import { type MemoryHttpServer, startMemoryServer } from "../../../support/memory-server.ts";

const hash = (algorithm: string, content: string | Buffer) => createHash(algorithm).update(content).digest("base64");

/** Headers that give the digest of a content, each in its own form. */
const HEADERS: readonly [header: string, of: (content: string) => string][] = [
  ["content-digest", (content) => `sha-256=:${hash("sha256", content)}:`],
  ["repr-digest", (content) => `sha-512=:${hash("sha512", content)}:`],
  ["repr-digest", (content) => `crc32c=:AAAAAA==:, sha-256=:${hash("sha256", content)}:;x=1`],
  ["digest", (content) => `SHA-256=${hash("sha256", content)}`],
  ["digest", (content) => `md5=${hash("md5", content)},sha=${hash("sha1", content)}`],
  ["content-md5", (content) => hash("md5", content)],
];

describe.each(HEADERS)("%s (%#)", (header, digestOf) => {
  let server: MemoryHttpServer;

  beforeAll(async () => {
    server = await startMemoryServer();
  });

  afterAll(() => server.close());

  const large = "x".repeat(1_500_000);

  test.each([
    ["PUT", "a body in memory", "content"],
    ["PUT", "a body that is streamed", large],
    ["POST", "a body that is appended", "content"],
  ])("%s checks %s", async (method, _name, body) => {
    const url = `${server.url}/files/${method}-${body.length}${method === "POST" ? "?append" : ""}`;
    const send = (digest: string) => fetch(url, { method, body, headers: { [header]: digest } });
    const wrong = await send(digestOf(`${body}x`));
    expect([wrong.status, await wrong.json()]).toEqual([
      400,
      expect.objectContaining({ detail: expect.stringContaining(`digest that ${header} gives`) }),
    ]);
    expect(server.network.files.files).not.toContain(`/data/${method}-${body.length}`);
    expect((await send(digestOf(body))).ok).toBe(true);
  });
});

test.each([
  [{ "content-digest": "sha-256=d435Qo+nKZ+gLcUHn7GQtQ72hiBVAgqoLsZnZPiTGPk=" }, "content-digest is malformed"],
  [{ "content-digest": "sha-256" }, "content-digest is malformed"],
  [{ "repr-digest": "sha-256=:d435!:" }, "repr-digest is malformed"],
  [{ "repr-digest": "sha-256=:AAAA:, " }, "repr-digest is malformed"],
  [{ "repr-digest": "crc32c=:AAAAAA==:" }, "No digest of repr-digest can be checked"],
  [{ digest: "unixsum=30637" }, "No digest of digest can be checked"],
  [{ digest: "" }, "digest is malformed"],
  [{ "content-md5": "not-md5" }, "content-md5 is malformed"],
])("%j is refused, because its sender relies on it", (headers, message) => {
  expect(() => digestsOf(headers)).toThrow(message);
});

test("the chunks come as they are, and fail behind the last one where a byte is another", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 }), { minLength: 1 }), fc.nat(), async (parts, place) => {
      const content = Buffer.concat(parts);
      const digests = digestsOf({ "content-digest": `sha-256=:${hash("sha256", content)}:` });
      const read = async (bytes: Buffer) => {
        const chunks = (async function* () {
          for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
        })();
        const received: Buffer[] = [];
        try {
          for await (const chunk of withDigests(chunks, digests)) received.push(chunk);
        } catch (error) {
          return { content: Buffer.concat(received), error };
        }
        return { content: Buffer.concat(received), error: undefined };
      };
      expect(await read(content)).toEqual({ content, error: undefined });
      const other = Buffer.from(content);
      other.writeUInt8(other.readUInt8(place % other.length) ^ 1, place % other.length);
      expect(await read(other)).toMatchObject({ content: other, error: { status: 400 } });
    }),
  );
});
