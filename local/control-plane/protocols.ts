/**
 * The three wire protocols of these services: how a request names its operation and carries its input, and how a
 * response or an error is written.
 *
 * Sources: the AWS protocols of the Smithy specification (restJson1, awsJson1_1, ec2Query).
 */
import { XMLBuilder } from "fast-xml-parser";
import { AwsError } from "./aws-error.ts";

export interface HttpResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Protocol {
  success(operation: string, output: object, requestId: string): HttpResponse;
  failure(error: AwsError, requestId: string): HttpResponse;
}

/** restJson1, with the error body of EFS: `ErrorCode` and `Message`. */
export const restJson: Protocol = {
  success: (operation, output, requestId) => ({
    statusCode: operation.startsWith("Delete") && operation !== "DeleteFileSystemPolicy" ? 204 : 200,
    headers: { "content-type": "application/json", "x-amzn-requestid": requestId },
    body: operation.startsWith("Delete") ? "" : stringify(output),
  }),
  failure: (error, requestId) => ({
    statusCode: error.statusCode,
    headers: { "content-type": "application/json", "x-amzn-requestid": requestId, "x-amzn-errortype": error.code },
    body: stringify({ ErrorCode: error.code, Message: error.message }),
  }),
};

/** awsJson1_1: the operation is in the header X-Amz-Target, input and output are JSON. */
export const json11: Protocol = {
  success: (_operation, output, requestId) => ({
    statusCode: 200,
    headers: { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": requestId },
    body: stringify(output),
  }),
  failure: (error, requestId) => ({
    statusCode: error.statusCode,
    headers: { "content-type": "application/x-amz-json-1.1", "x-amzn-requestid": requestId },
    body: stringify({ __type: error.code, message: error.message }),
  }),
};

/** ec2Query: a form in, XML out. */
export const ec2Query: Protocol = {
  success: (operation, output, requestId) => ({
    statusCode: 200,
    headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId },
    body: xml({
      [`${operation}Response`]: { "@xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/", requestId, ...output },
    }),
  }),
  failure: (error, requestId) => ({
    statusCode: error.statusCode,
    headers: { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId },
    body: xml({
      Response: { Errors: { Error: { Code: error.code, Message: error.message } }, RequestID: requestId },
    }),
  }),
};

/**
 * Reads the form of an ec2Query request: `Filter.1.Value.2=x` is the second value of the first filter.
 *
 * @throws {AwsError} MalformedQueryString when a key is both a value and a list.
 */
export function parseQueryForm(form: string): Record<string, unknown> {
  const tree: Tree = new Map();
  for (const [key, value] of new URLSearchParams(form)) {
    const path = key.split(".");
    const last = path.pop() ?? key;
    let node = tree;
    for (const part of path) {
      const next = node.get(part) ?? new Map();
      if (typeof next === "string") throw malformed(key);
      node.set(part, next);
      node = next;
    }
    if (node.has(last)) throw malformed(key);
    node.set(last, value);
  }
  return Object.fromEntries([...tree].map(([key, node]) => [key, plain(node)]));
}

type Tree = Map<string, string | Tree>;

function malformed(key: string): AwsError {
  return new AwsError("MalformedQueryString", 400, `The query string is malformed at ${key}`);
}

/** Members that are all numbered are a list; others are an object. */
function plain(node: string | Tree): unknown {
  if (typeof node === "string") return node;
  const entries = [...node];
  if (entries.every(([key]) => /^\d+$/.test(key))) {
    return entries.sort(([a], [b]) => Number(a) - Number(b)).map(([, child]) => plain(child));
  }
  return Object.fromEntries(entries.map(([key, child]) => [key, plain(child)]));
}

/** JSON with dates as both JSON protocols have them: seconds since 1970. */
function stringify(value: object): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, json: unknown) {
    const raw = this[key];
    return raw instanceof Date ? raw.getTime() / 1000 : json;
  });
}

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: "@" });

function xml(document: object): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(document)}`;
}
