/**
 * The signed request to connect, by which EFS knows the IAM identity of an NFS client. It is never sent: the client
 * sends what it was signed with in its certificate, and EFS puts it together again.
 *
 * Signature Version 4 with one difference, which EFS expects: no empty line ends the canonical headers
 * (aws/efs-utils, `create_canonical_request`).
 */
import { createHash, createHmac } from "node:crypto";

/** AWS credentials, as the SDK's providers return them. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** With temporary credentials, such as a role's. */
  readonly sessionToken?: string | undefined;
}

export interface ConnectRequest {
  /** Example: `fs-0123abcd`. */
  readonly fileSystemId: string;
  /** Example: `ap-northeast-1`. */
  readonly region: string;
  readonly credentials: Credentials;
  /** SHA-1 of the client's public key, in hexadecimal: the signature is worth nothing with another key. */
  readonly publicKeyHash: string;
  /** To the second. */
  readonly time: Date;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const EXPIRES_SECONDS = 86_400;

/** The signature, in hexadecimal. */
export function signConnect(request: ConnectRequest): string {
  const { region, credentials, time } = request;
  const parts = [dateOf(time), region, "elasticfilesystem", "aws4_request"];
  const key = parts.reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  return hmac(key, stringToSign(request)).toString("hex");
}

/** What is signed: the time, what the key is good for, and the hash of the canonical request. */
export function stringToSign(request: ConnectRequest): string {
  return [ALGORITHM, timestampOf(request.time), scopeOf(request), sha256(canonicalRequest(request))].join("\n");
}

/** The request in the one form in which both sides hash it. */
export function canonicalRequest(request: ConnectRequest): string {
  const { fileSystemId, credentials, publicKeyHash, time } = request;
  const query: Record<string, string> = {
    Action: "Connect",
    PublicKeyHash: publicKeyHash,
    "X-Amz-Algorithm": ALGORITHM,
    "X-Amz-Credential": `${credentials.accessKeyId}/${scopeOf(request)}`,
    "X-Amz-Date": timestampOf(time),
    "X-Amz-Expires": String(EXPIRES_SECONDS),
    ...(credentials.sessionToken === undefined ? {} : { "X-Amz-Security-Token": credentials.sessionToken }),
    "X-Amz-SignedHeaders": "host",
  };
  const parameters = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return ["GET", "/", parameters.join("&"), `host:${fileSystemId}`, "host", sha256("")].join("\n");
}

function scopeOf({ time, region }: ConnectRequest): string {
  return `${dateOf(time)}/${region}/elasticfilesystem/aws4_request`;
}

/** Example: `20260131T120000Z`. */
function timestampOf(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d+/g, "");
}

/** Example: `20260131`. */
function dateOf(time: Date): string {
  return timestampOf(time).slice(0, 8);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
