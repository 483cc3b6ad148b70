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
  ignoreDeclaration: true,
  ignorePiTags: true,
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
 * Reads a document whose only element is `root`. It is strict where the parser is lenient: what is no XML would mean to
 * others what it does not mean here.
 *
 * @throws {S3Error} MalformedXML
 */
export function fromXml<Schema extends z.ZodType>(text: string, root: string, schema: Schema): z.output<Schema> {
  if (FORBIDDEN_CHARACTER.test(text) || XMLValidator.validate(text) !== true) throw new S3Error("MalformedXML");
  const markup = text
    .replace(DECLARATION, "")
    .replace(TOKEN, (token) => (token.startsWith("<!") ? " " : token.slice(1)));
  if (NOT_ALLOWED.test(markup) || hasForbiddenReference(markup)) throw new S3Error("MalformedXML");
  const { "#text": _blanks, [root]: element, ...others } = parse(text);
  const { success, data } = schema.safeParse(element);
  if (!success || Object.keys(others).length > 0) throw new S3Error("MalformedXML");
  return data;
}

/** @throws {S3Error} MalformedXML where it is not UTF-8. */
export function xmlText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new S3Error("MalformedXML", undefined, { cause });
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return parser.parse(text);
  } catch (cause) {
    // The parser has limits, and refuses what may be an attack.
    throw new S3Error("MalformedXML", undefined, { cause });
  }
}

/** All but the characters of XML (XML 1.0 §2.2). */
const FORBIDDEN_CHARACTER = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** XML 1.0 §2.8, in an encoding that UTF-8 is, too. */
const DECLARATION =
  /^<\?xml\s+version\s*=\s*["']1\.\d["'](?:\s+encoding\s*=\s*["'](?:utf-?8|us-ascii)["'])?(?:\s+standalone\s*=\s*["'](?:yes|no)["'])?\s*\?>/i;

/** Comments and CDATA sections, where nothing has a meaning (one that does not end takes the rest), and tags. */
const TOKEN = /<!--.*?(?:-->|$)|<!\[CDATA\[.*?(?:\]\]>|$)|<[^!?<>](?:[^"'<>]|"[^"<]*"|'[^'<]*')*>/gs;

/**
 * A `<` that begins no token: that of a document type or a processing instruction, which S3 has none of, or one in an
 * attribute. The end of a CDATA section. A reference to what XML does not know by itself.
 */
const NOT_ALLOWED = /<|\]\]>|&(?!(?:lt|gt|amp|quot|apos|#\d+|#x[\da-fA-F]+);)/;

function hasForbiddenReference(markup: string): boolean {
  for (const [, hexadecimal, decimal = ""] of markup.matchAll(/&#(?:x([\da-fA-F]+)|(\d+));/g)) {
    const code = hexadecimal === undefined ? Number.parseInt(decimal, 10) : Number.parseInt(hexadecimal, 16);
    if (code > 0x10ffff || FORBIDDEN_CHARACTER.test(String.fromCodePoint(code))) return true;
  }
  return false;
}
