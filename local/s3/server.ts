/**
 * Amazon S3 on one loopback port, path-style, as far as log shipping goes: objects in one PUT or in parts, and what it
 * takes to read them back.
 *
 * Rules, errors and XML: S3 API reference.
 */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { XMLBuilder, XMLParser } from "fast-xml-parser";
import fastify, { type FastifyReply, type FastifyRequest } from "fastify";
import { z } from "zod";
import { AwsError } from "../control-plane/aws-error.ts";
import { accessKeyId, type Fault } from "../control-plane/server.ts";
import { makeCertificate } from "../machine/certificate.ts";
import { md5Of, ObjectStore } from "./object-store.ts";

/** A call as it came in. */
interface S3Call {
  readonly operation: OperationName;
  readonly bucket: string;
  readonly key: string;
  /** Who calls: the key in the signature. The signature itself is not checked. */
  readonly accessKeyId: string | undefined;
}

interface LocalS3Options {
  /** Objects are kept here, one folder a bucket. */
  readonly directory: string;
  /** Buckets to make. */
  readonly buckets: readonly string[];
  readonly host?: string;
  /** 0, the default, lets the operating system choose. */
  readonly port?: number;
  /** Speak TLS, with a certificate made at the start. */
  readonly tls?: boolean;
  /** Sees every call before it takes effect, and may break it. */
  readonly onCall?: (call: S3Call) => Fault | undefined | Promise<Fault | undefined>;
}

export interface LocalS3 {
  readonly url: string;
  readonly store: ObjectStore;
  close(): Promise<void>;
}

/** What an operation gets of its request. */
interface Input {
  readonly bucket: string;
  readonly key: string;
  readonly query: z.infer<typeof querySchema>;
  /** Without quotes: the object must have this ETag, or for `absent` must not be there. */
  readonly condition: string | undefined;
  readonly body: Readable;
}

interface Output {
  readonly statusCode?: number;
  readonly etag?: string;
  /** A document to write as XML, or an object's bytes. */
  readonly body?: object | Buffer;
}

type Operation = (store: ObjectStore, input: Input) => Promise<Output>;

const querySchema = z.object({
  uploads: z.string().optional(),
  uploadId: z.string().default(""),
  partNumber: z.coerce.number().optional(),
  prefix: z.string().default(""),
});

const completionSchema = z.object({
  CompleteMultipartUpload: z.object({
    Part: z.array(z.object({ PartNumber: z.coerce.number().int(), ETag: z.string() })),
  }),
});

/** Of {@link Input.condition}. */
const ABSENT = "absent";

const NAMESPACE = { "@xmlns": "http://s3.amazonaws.com/doc/2006-03-01/" };

const OPERATIONS = {
  PutObject: async (store, { bucket, key, condition, body }) => {
    await requireCondition(store, { bucket, key, condition });
    return { etag: await store.putObject(bucket, key, body) };
  },
  GetObject: async (store, { bucket, key }) => {
    const body = await store.getObject(bucket, key);
    return { body, etag: md5Of(body) };
  },
  ListObjectsV2: async (store, { bucket, query: { prefix } }) => {
    const objects = await store.listObjects(bucket, prefix);
    const contents = objects.map(({ key, size, lastModified }) => ({
      Key: key,
      Size: size,
      LastModified: lastModified.toISOString(),
    }));
    return {
      body: {
        ListBucketResult: {
          ...NAMESPACE,
          Name: bucket,
          Prefix: prefix,
          KeyCount: contents.length,
          IsTruncated: false,
          Contents: contents,
        },
      },
    };
  },
  CreateMultipartUpload: async (store, { bucket, key }) => {
    const UploadId = await store.createMultipartUpload(bucket, key);
    return { body: { InitiateMultipartUploadResult: { ...NAMESPACE, Bucket: bucket, Key: key, UploadId } } };
  },
  UploadPart: async (store, { body, query: { uploadId, partNumber = Number.NaN } }) => ({
    etag: await store.uploadPart(uploadId, partNumber, body),
  }),
  CompleteMultipartUpload: async (store, { bucket, key, body, query: { uploadId } }) => {
    const etag = await store.completeMultipartUpload(uploadId, await readCompletion(body));
    return {
      body: { CompleteMultipartUploadResult: { ...NAMESPACE, Bucket: bucket, Key: key, ETag: `"${etag}"` } },
    };
  },
  AbortMultipartUpload: async (store, { query: { uploadId } }) => {
    await store.abortMultipartUpload(uploadId);
    return { statusCode: 204 };
  },
} satisfies Record<string, Operation>;

/** S3 user guide, "How to prevent object overwrites with conditional writes". */
async function requireCondition(
  store: ObjectStore,
  { bucket, key, condition }: Pick<Input, "bucket" | "key" | "condition">,
): Promise<void> {
  if (condition === undefined) return;
  const etag = await store.etagOf(bucket, key);
  if (condition !== ABSENT && etag === undefined) {
    throw new AwsError("NoSuchKey", 404, "The specified key does not exist.");
  }
  if (condition === ABSENT ? etag === undefined : etag === condition) return;
  throw new AwsError("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold");
}

type OperationName = keyof typeof OPERATIONS;

/** Starts the server. */
export async function startLocalS3(options: LocalS3Options): Promise<LocalS3> {
  const store = new ObjectStore(options.directory);
  for (const bucket of options.buckets) await store.createBucket(bucket);

  async function respond(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      const input = readInput(request);
      const operation = operationOf(request.method, input);
      const fault = await options.onCall?.({
        operation,
        bucket: input.bucket,
        key: input.key,
        accessKeyId: accessKeyId(request.headers.authorization),
      });
      const outcome = fault === undefined || fault.takesEffect ? await OPERATIONS[operation](store, input) : {};
      if (fault === undefined) return send(reply, outcome);
      if (fault.response instanceof AwsError) throw fault.response;
      reply.hijack();
      if (fault.response === "connection-closed") request.raw.socket.destroy();
      return reply;
    } catch (error) {
      return sendError(reply, error);
    }
  }

  const https = options.tls === true ? await makeCertificate() : null;
  const app = fastify({ https, forceCloseConnections: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  app.all("/*", respond);

  const url = await app.listen({ host: options.host ?? "127.0.0.1", port: options.port ?? 0 });
  return { url, store, close: () => app.close() };
}

function readInput(request: FastifyRequest): Input {
  const { pathname } = new URL(request.url, "http://localhost");
  const [bucket = "", ...key] = pathname.slice(1).split("/");
  return {
    bucket,
    key: decodeURIComponent(key.join("/")),
    query: querySchema.parse(request.query),
    condition: request.headers["if-none-match"] === "*" ? ABSENT : request.headers["if-match"]?.replaceAll('"', ""),
    body: request.body instanceof Readable ? request.body : Readable.from([]),
  };
}

function operationOf(method: string, { key, query }: Input): OperationName {
  switch (method) {
    case "PUT":
      return query.uploadId === "" ? "PutObject" : "UploadPart";
    case "POST":
      return query.uploads === undefined ? "CompleteMultipartUpload" : "CreateMultipartUpload";
    case "DELETE":
      if (query.uploadId !== "") return "AbortMultipartUpload";
      break;
    case "GET":
      return key === "" ? "ListObjectsV2" : "GetObject";
  }
  throw new AwsError("NotImplemented", 501, "A header or query you provided implies functionality that is missing");
}

const parser = new XMLParser({ isArray: (name) => name === "Part", parseTagValue: false });

async function readCompletion(body: Readable): Promise<{ partNumber: number; etag: string }[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  const result = completionSchema.safeParse(parser.parse(Buffer.concat(chunks).toString()));
  if (!result.success) throw new AwsError("MalformedXML", 400, result.error.message);
  return result.data.CompleteMultipartUpload.Part.map(({ PartNumber, ETag }) => ({
    partNumber: PartNumber,
    etag: ETag.replaceAll('"', "").replaceAll("&quot;", ""),
  }));
}

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: "@" });

function send(reply: FastifyReply, { statusCode = 200, etag, body }: Output): FastifyReply {
  // Fastify writes header names in lower case; Fluent Bit looks for this one as S3 writes it.
  if (etag !== undefined) reply.raw.setHeader("ETag", `"${etag}"`);
  reply.code(statusCode);
  if (body === undefined || body instanceof Buffer) return reply.type("application/octet-stream").send(body);
  return reply.type("application/xml").send(`<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(body)}`);
}

function sendError(reply: FastifyReply, error: unknown): FastifyReply {
  const { code, statusCode, message } =
    error instanceof AwsError ? error : new AwsError("InternalError", 500, String(error), { cause: error });
  return send(reply, { statusCode, body: { Error: { Code: code, Message: message, RequestId: randomUUID() } } });
}
