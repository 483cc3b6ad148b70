/** The XML of S3's requests and responses. */
import { parseXml, XmlDeclaration, type XmlDocument, XmlElement, type XmlNode, XmlText } from "@rgrove/parse-xml";
import XMLBuilder from "fast-xml-builder";
import * as z from "zod";
import { S3Error } from "./errors.ts";

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: "@" });

/** A document of one element; a list is that element repeated, undefined is left out. */
export function toXml(root: string, content: object, { namespace = true } = {}): string {
  return XML_DECLARATION + builder.build({ [root]: namespace ? { "@xmlns": NAMESPACE, ...content } : content });
}

/** An element that a document may have several times: it is read as a list only where there are several. */
export function repeated<Schema extends z.ZodType>(each: Schema, max: number) {
  return z.preprocess((given) => (Array.isArray(given) ? given : [given]), z.array(each).max(max));
}

/**
 * Reads a document whose only element is `root`. An element without others in it is its text, one with others is an object
 * of those. Attributes and prefixes of names are ignored.
 *
 * @throws {S3Error} MalformedXML
 */
export function fromXml<Schema extends z.ZodType>(text: string, root: string, schema: Schema): z.output<Schema> {
  const { name, content } = parse(text);
  const { success, data } = schema.safeParse(content);
  if (!success || name !== root) throw new S3Error("MalformedXML");
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

type Content = string | { readonly [name: string]: Content | readonly Content[] };

/**
 * What no document of S3 comes near, so that nobody makes a router work on one for long. The longest are those of 10,000
 * parts, each with a number, an ETag and a checksum. An access control list is five elements deep.
 */
const MAX_TAGS = 120_000;
const MAX_DEPTH = 8;

function parse(text: string): { readonly name: string; readonly content: Content } {
  if (hasMoreThan(MAX_TAGS, "<", text)) throw new S3Error("MalformedXML");
  try {
    // The parser does this, too (XML 1.0 §2.11), but copies the text for each of its line breaks.
    const normalized = text.replace(/\r\n?/g, "\n");
    const document = parseXml(normalized, { preserveDocumentType: true, preserveXmlDeclaration: true });
    const [root] = elementsIn(document);
    if (root === undefined) throw new S3Error("MalformedXML");
    return { name: localName(root), content: contentOf(root, MAX_DEPTH) };
  } catch (cause) {
    // It is not well-formed, or deeper than the stack.
    throw new S3Error("MalformedXML", undefined, { cause });
  }
}

function contentOf(element: XmlElement, maxDepth: number): Content {
  const elements = elementsIn(element);
  if (elements.length === 0) return element.text;
  if (maxDepth === 1) throw new S3Error("MalformedXML");
  const contents = new Map<string, [Content, ...Content[]]>();
  for (const each of elements) {
    const content = contentOf(each, maxDepth - 1);
    const before = contents.get(localName(each));
    if (before === undefined) contents.set(localName(each), [content]);
    else before.push(content);
  }
  return Object.fromEntries([...contents].map(([name, all]) => [name, all.length === 1 ? all[0] : all]));
}

/** @throws {S3Error} MalformedXML where there are document types or processing instructions, which S3 has none of. */
function elementsIn({ children }: XmlDocument | XmlElement): XmlElement[] {
  const nodes: readonly XmlNode[] = children;
  if (!nodes.every(isRead)) throw new S3Error("MalformedXML");
  return nodes.filter((node) => node instanceof XmlElement);
}

function isRead(node: XmlNode): boolean {
  if (node instanceof XmlDeclaration) return ENCODING.test(node.encoding ?? "utf-8");
  return node instanceof XmlElement || node instanceof XmlText;
}

/** Encodings that UTF-8 is, too. */
const ENCODING = /^(utf-?8|us-ascii)$/i;

function hasMoreThan(max: number, sought: string, text: string): boolean {
  let count = 0;
  for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + 1)) {
    count += 1;
    if (count > max) return true;
  }
  return false;
}

function localName({ name }: XmlElement): string {
  return name.replace(/^.*:/, "");
}
