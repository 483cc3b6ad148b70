/** Load on an S3 server: presigned requests, so that one program sends them to all servers, and signs nothing meanwhile. */
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { REGION } from "../../local/account.ts";
import type { S3AccessKey } from "../../local/initial-deployment.ts";

export interface S3Server {
  readonly url: string;
  readonly bucket: string;
  readonly accessKey: Pick<S3AccessKey, "accessKeyId" | "secretAccessKey">;
}

export const OPERATIONS = ["put", "get", "list"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** An SDK or the AWS CLI opens 10 to 50. */
export const CONNECTIONS = 16;

/** One URL for each object, or for each page of a list. */
export interface Presigned {
  readonly put: readonly string[];
  readonly get: readonly string[];
  /** Of all objects: they are on one page. */
  readonly list: readonly string[];
}

/** Seconds that a signature is good for. */
const OPTIONS = { expiresIn: 3_600 };

/** @param count at most 1,000, the entries of a page. */
export async function presign(server: S3Server, prefix: string, count: number): Promise<Presigned> {
  const { bucket: Bucket } = server;
  const client = clientOf(server);
  const keys = Array.from({ length: count }, (_, index) => `${prefix}/${index}`);
  const page = { Bucket, Prefix: `${prefix}/`, MaxKeys: count };
  return {
    put: await Promise.all(keys.map((Key) => getSignedUrl(client, new PutObjectCommand({ Bucket, Key }), OPTIONS))),
    get: await Promise.all(keys.map((Key) => getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), OPTIONS))),
    list: [await getSignedUrl(client, new ListObjectsV2Command(page), OPTIONS)],
  };
}

export async function makeBucket(server: S3Server): Promise<void> {
  await clientOf(server).send(new CreateBucketCommand({ Bucket: server.bucket }));
}

function clientOf({ url, accessKey }: S3Server): S3Client {
  return new S3Client({
    endpoint: url,
    region: REGION,
    forcePathStyle: true,
    credentials: { ...accessKey },
    // What is sent is not known when the request is signed.
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
}

/** What `fetch` is told, where objects have so many bytes. */
export function initOf(operation: Operation, bytes: number): RequestInit {
  return operation === "put" ? { method: "PUT", body: Buffer.alloc(bytes, "s") } : {};
}

/** Sends a request to each URL. @throws when one of them fails. */
export async function sendEach(urls: IterableIterator<string>, init: RequestInit = {}): Promise<void> {
  const sendSome = async () => {
    for (const url of urls) await fetch(url, init).then(expectSuccess);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sendSome));
}

async function expectSuccess(response: Response): Promise<void> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} was answered with ${response.status}: ${text.slice(0, 500)}`);
}
