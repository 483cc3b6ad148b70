/** The XML of S3's requests and responses. */
import { XMLBuilder, XMLParser, XMLValidator } from "fast-xml-parser";
import type * as z from "zod";
import { S3Error } from "./errors.ts";

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: "@" });

/** Numbers stay text, and blanks stay: a key may be one. What a part is, its schema says. */
const parser = new XMLParser({ ignoreAttributes: true, parseTagValue: false, trimValues: false, removeNSPrefix: true });

/** A document of one element; a list is that element repeated, undefined is left out. */
export function toXml(root: string, content: object, { namespace = true } = {}): string {
  return XML_DECLARATION + builder.build({ [root]: namespace ? { "@xmlns": NAMESPACE, ...content } : content });
}

/**
 * Reads a document whose root element is `root`.
 *
 * @throws {S3Error} MalformedXML
 */
export function fromXml<Schema extends z.ZodType>(text: string, root: string, schema: Schema): z.output<Schema> {
  // What is no XML, the parser reads all the same.
  if (XMLValidator.validate(text) !== true) throw new S3Error("MalformedXML");
  const document: Readonly<Record<string, unknown>> = parser.parse(text);
  const { success, data } = schema.safeParse(document[root]);
  if (!success) throw new S3Error("MalformedXML");
  return data;
}
