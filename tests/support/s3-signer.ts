/** Signs requests as the AWS SDK for JavaScript does: by code that knows nothing of the router. */
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { AccessKey } from "../../fargate-app/src/s3/access-keys.ts";

export interface UnsignedRequest {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: readonly (readonly [name: string, value: string])[];
  /** By lower-case name. The values are text: they are sent as UTF-8. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request as it is sent. */
export interface SentRequest {
  readonly method: string;
  readonly url: string;
  /** One character for each byte. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Where the signature is. */
export type SignedIn = "header" | "query";

export async function signed(
  { accessKeyId, secretAccessKey }: Pick<AccessKey, "accessKeyId" | "secretAccessKey">,
  { method, bucket, key, query, headers }: UnsignedRequest,
  { signedIn, date }: { readonly signedIn: SignedIn; readonly date: Date },
): Promise<SentRequest> {
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey },
    region: "ap-northeast-1",
    service: "s3",
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  });
  const request = {
    protocol: "http:",
    hostname: "127.0.0.1",
    method,
    path: `/${[bucket, ...key.split("/")].map(escapeUri).join("/")}`,
    query: valuesByName(query),
    headers: { ...headers },
  };
  const result =
    signedIn === "header"
      ? await signer.sign(request, { signingDate: date })
      : await signer.presign(request, {
          signingDate: date,
          expiresIn: 900,
          unhoistableHeaders: new Set(Object.keys(headers)),
        });
  return {
    method,
    url: result.path + queryText(result.query ?? {}),
    headers: Object.entries(result.headers).map(([name, value]) => [name, Buffer.from(value).toString("latin1")]),
  };
}

function valuesByName(query: UnsignedRequest["query"]): Record<string, string | string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of query) values.set(name, [...(values.get(name) ?? []), value]);
  return Object.fromEntries([...values].map(([name, each]) => [name, each.length === 1 ? (each[0] ?? "") : each]));
}

function queryText(query: Readonly<Record<string, string | readonly string[] | null>>): string {
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    [values ?? ""].flat().map((value) => `${escapeUri(name)}=${escapeUri(value)}`),
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** RFC 3986 §2.3: all is percent-encoded but the unreserved characters. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

type HashInput = string | ArrayBuffer | ArrayBufferView;

/** What the SDK wants of SHA-256, which is an HMAC where there is a secret. */
class Sha256 {
  readonly #secret: HashInput | undefined;
  #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: HashInput) {
    this.#secret = secret;
    this.#hash = this.#start();
  }

  update(data: HashInput): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#start();
  }

  #start() {
    return this.#secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(this.#secret));
  }
}

function bytesOf(data: HashInput): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}
