/** Which of S3's operations a request asks for (S3 API reference, "Actions"). */
import type { RequestTarget } from "./target.ts";

export const OPERATIONS = [
  "AbortMultipartUpload",
  "CompleteMultipartUpload",
  "CopyObject",
  "CreateBucket",
  "CreateMultipartUpload",
  "DeleteBucket",
  "DeleteObject",
  "DeleteObjects",
  "GetBucketAcl",
  "GetBucketLocation",
  "GetBucketVersioning",
  "GetObject",
  "GetObjectAcl",
  "GetObjectAttributes",
  "HeadBucket",
  "HeadObject",
  "ListBuckets",
  "ListMultipartUploads",
  "ListObjectVersions",
  "ListObjects",
  "ListObjectsV2",
  "ListParts",
  "PutBucketAcl",
  "PutObject",
  "PutObjectAcl",
  "UploadPart",
  "UploadPartCopy",
] as const;

export type OperationName = (typeof OPERATIONS)[number];

/** Parameters that name a part of S3 which is not here. */
const NOT_IMPLEMENTED: ReadonlySet<string> = new Set([
  "accelerate",
  "analytics",
  "append",
  "cors",
  "encryption",
  "intelligent-tiering",
  "inventory",
  "legal-hold",
  "lifecycle",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "ownershipControls",
  "policy",
  "policyStatus",
  "publicAccessBlock",
  "renameObject",
  "replication",
  "requestPayment",
  "restore",
  "retention",
  "select",
  "session",
  "tagging",
  "torrent",
  "website",
]);

/** Undefined for what is not implemented. */
export function operationOf(
  method: string,
  { bucket, key, query }: RequestTarget,
  isCopy: boolean,
): OperationName | undefined {
  if (query.some(([name]) => NOT_IMPLEMENTED.has(name))) return undefined;
  if (bucket === "") return method === "GET" ? "ListBuckets" : undefined;
  const given = new Map(query);
  return key === "" ? bucketOperation(method, given) : objectOperation(method, given, isCopy);
}

function bucketOperation(method: string, query: ReadonlyMap<string, string>): OperationName | undefined {
  switch (method) {
    case "GET":
      if (query.has("acl")) return "GetBucketAcl";
      if (query.has("location")) return "GetBucketLocation";
      if (query.has("versioning")) return "GetBucketVersioning";
      if (query.has("versions")) return "ListObjectVersions";
      if (query.has("uploads")) return "ListMultipartUploads";
      return query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects";
    case "HEAD":
      return "HeadBucket";
    case "PUT":
      if (query.has("acl")) return "PutBucketAcl";
      return query.has("versioning") ? undefined : "CreateBucket";
    case "POST":
      return query.has("delete") ? "DeleteObjects" : undefined;
    case "DELETE":
      return "DeleteBucket";
    default:
      return undefined;
  }
}

function objectOperation(
  method: string,
  query: ReadonlyMap<string, string>,
  isCopy: boolean,
): OperationName | undefined {
  switch (method) {
    case "GET":
      if (query.has("acl")) return "GetObjectAcl";
      if (query.has("attributes")) return "GetObjectAttributes";
      return query.has("uploadId") ? "ListParts" : "GetObject";
    case "HEAD":
      return "HeadObject";
    case "PUT":
      if (query.has("acl")) return "PutObjectAcl";
      if (query.has("uploadId")) return isCopy ? "UploadPartCopy" : "UploadPart";
      if (query.has("partNumber")) return undefined;
      return isCopy ? "CopyObject" : "PutObject";
    case "POST":
      if (query.has("uploads")) return "CreateMultipartUpload";
      return query.has("uploadId") ? "CompleteMultipartUpload" : undefined;
    case "DELETE":
      return query.has("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
    default:
      return undefined;
  }
}
