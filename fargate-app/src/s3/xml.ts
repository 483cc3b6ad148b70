/** The XML of S3's requests and responses. */
import { XMLBuilder, XMLParser, XMLValidator } from "fast-xml-parser";
import * as z from "zod";
import { S3Error } from "./errors.ts";

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: "@" });

/**
 * Numbers stay text, and blanks stay: a key may be one. What a part is, its schema says. Only with the entities of HTML
 * does the parser read references to characters (`&#10;`), too.
 */
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  removeNSPrefix: true,
  htmlEntities: true,
});

/** A document of one element; a list is that element repeated, undefined is left out. */
export function toXml(root: string, content: object, { namespace = true } = {}): string {
  return XML_DECLARATION + builder.build({ [root]: namespace ? { "@xmlns": NAMESPACE, ...content } : content });
}

/** An element that a document may have several times: the parser makes a list only of several. */
export function repeated<Schema extends z.ZodType>(each: Schema, max: number) {
  return z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(each).max(max));
}

/**
 * Reads a document whose root element is `root`.
 *
 * @throws {S3Error} MalformedXML
 */
export function fromXml<Schema extends z.ZodType>(text: string, root: string, schema: Schema): z.output<Schema> {
  // What is no XML, the parser reads all the same, and characters that XML has not, it leaves out.
  if (XMLValidator.validate(text) !== true || hasForbiddenReference(text)) throw new S3Error("MalformedXML");
  const { success, data } = schema.safeParse(parse(text)[root]);
  if (!success) throw new S3Error("MalformedXML");
  return data;
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return parser.parse(text);
  } catch (cause) {
    // The parser has limits, and refuses what may be an attack.
    throw new S3Error("MalformedXML", undefined, { cause });
  }
}

/** A character of XML (XML 1.0 §2.2). */
const CHARACTER = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]$/u;

function hasForbiddenReference(text: string): boolean {
  for (const [, hexadecimal, decimal = ""] of text.matchAll(/&#(?:x([0-9a-f]+)|(\d+));/gi)) {
    const code = hexadecimal === undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal, 16);
    if (code > 0x10ffff || !CHARACTER.test(String.fromCodePoint(code))) return true;
  }
  return false;
}
