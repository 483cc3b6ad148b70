import { describe, expect, test } from "vitest";
import * as z from "zod";
import { fromXml, repeated, xmlText } from "../../../fargate-app/src/s3/xml.ts";

const read = (key: string, before = "") =>
  fromXml(`${before}<Delete><Key>${key}</Key></Delete>`, "Delete", z.object({ Key: z.string() })).Key;

describe("a document's text", () => {
  test.each([
    ["&lt;&gt;&amp;&quot;&apos;", "<>&\"'"],
    ["a&#10;b&#x0D;c&#x85;&#x1F600;", "a\nb\rc\u0085\u{1F600}"],
    ["&amp;#10;", "&#10;"],
    [" é ", " é "],
    ["<![CDATA[&#10;<]]>", "&#10;<"],
  ])("%s is what its references mean", (written, meant) => {
    expect(read(written)).toBe(meant);
  });

  test.each(["a&#1;b", "a&#0;b", "&#xD800;", "&#xFFFE;", "&#x110000;"])(
    "%s has a character that XML has not, and is not read as if it was not there",
    (written) => {
      expect(() => read(written)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
    },
  );
});

test.each([
  ["entities that grow", "&x;".repeat(100), `<!DOCTYPE Delete [<!ENTITY x "${"y".repeat(9_000)}">]>`],
  ["entities of elsewhere", "&x;", '<!DOCTYPE Delete [<!ENTITY x SYSTEM "file:///etc/passwd">]>'],
  ["more depth than any schema has", `${"<a>".repeat(1_000)}${"</a>".repeat(1_000)}`, ""],
  ["names that are dangerous", "<__proto__>1</__proto__>", ""],
])("a document with %s is malformed", (_what, key, before) => {
  expect(() => read(key, before)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
});

test.each([
  ["a document type, which S3 has none of", "key", "<!DOCTYPE Delete>"],
  ["an entity that nobody declared", "&nbsp;", ""],
  ["an ampersand", "a & b", ""],
  ["a reference that a comment interrupts", "a&<!-- -->lt;b", ""],
  ["a processing instruction, which S3 has none of", "a<?b c?>", ""],
  [
    "a document type between what looks like a comment",
    "&x;<?y -->?>",
    '<?y <!--?><!DOCTYPE Delete [<!ENTITY x "y">]>',
  ],
  ["a reference between attributes that look like a comment", "a</Key><Key b='<!--'>&nbsp;<a b='-->'/>", ""],
  ["a character that XML has not", "a\u0001b", ""],
  ["the end of a CDATA section, and no beginning", "a]]>b", ""],
  ["a second element beside its own", "key", "<Delete><Key>other</Key></Delete>"],
  ["a first element beside its own", "key", "<Other/>"],
  ["an encoding that it is not read in", "key", '<?xml version="1.0" encoding="UTF-16"?>'],
  ["a declaration that is malformed", "key", '<?xml encoding="UTF-8"?>'],
])("a document with %s is malformed", (_what, key, before) => {
  expect(() => read(key, before)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
});

test.each([
  ["a reference behind its element", "<Delete><Key>key</Key></Delete>&#10;"],
  ["an attribute without a name", "<Delete =><Key>key</Key></Delete>"],
  ["an end tag of another element", "<Delete><a><b>c</b></ad/>e<Key>key</Key></a></Delete>"],
])("a document with %s is malformed", (_what, document) => {
  expect(() => fromXml(document, "Delete", z.object({ Key: z.string() }))).toThrow(
    expect.objectContaining({ code: "MalformedXML" }),
  );
});

test("a document may have as many line breaks as fit into it, however they are written", () => {
  // It would take hours if the text was copied for each.
  expect(read("a\r\n\r".repeat(500_000))).toBe("a\n\n".repeat(500_000));
});

test.each([
  ["deeper than those of S3", `${"<a>".repeat(10)}${"</a>".repeat(10)}`],
  ["deeper than any stack", "<a>".repeat(90_000)],
  ["of more elements than those of S3", "<a/>".repeat(110_000)],
])("a document that is %s is malformed", (_what, content) => {
  expect(() => read(content)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
});

test("a document may name as many parts as an upload has", () => {
  const part = z.object({ PartNumber: z.string(), ETag: z.string(), ChecksumSHA256: z.string() });
  const written = (number: number) =>
    `<Part><PartNumber>${number}</PartNumber><ETag>&quot;e&quot;</ETag><ChecksumSHA256>c</ChecksumSHA256></Part>`;
  const document = `<Parts>${Array.from({ length: 10_000 }, (_, index) => written(index)).join("")}</Parts>`;
  const { Part: parts } = fromXml(document, "Parts", z.object({ Part: repeated(part, 10_000) }));
  expect(parts).toHaveLength(10_000);
  expect(parts[9_999]).toEqual({ PartNumber: "9999", ETag: '"e"', ChecksumSHA256: "c" });
});

test.each(["<!--", "<![CDATA[", "<?", "<a ", "<a '", '<a "', "<a ''"])(
  "a document that has %s as often as fits into it is refused after it is read once",
  (text) => {
    // It would take hours if each was looked for to the end of the document.
    expect(() => read(`<a b='${text.repeat(200_000)}'/>`)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
  },
);

test("a document is UTF-8, with or without a byte order mark", () => {
  expect(xmlText(Buffer.from("\ufeff<é/>"))).toBe("<é/>");
  for (const bytes of [
    Buffer.from("<é/>", "latin1"),
    Buffer.from("\ufeff<a/>", "utf16le"),
    Buffer.from([0xed, 0xa0, 0x80]),
  ]) {
    expect(() => xmlText(bytes)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
  }
});

test("a document may have as many references as fit into it", () => {
  const key = "&#xD;&amp;".repeat(200_000);
  expect(read(key)).toBe("\r&".repeat(200_000));
});

test("an element that may be repeated is there once or several times, and not more often than is allowed", () => {
  const schema = z.object({ Quiet: z.string().optional(), Key: repeated(z.string(), 3) });
  const keys = (...texts: string[]) => {
    const elements = texts.map((text) => `<Key>${text}</Key>`).join("");
    return fromXml(`<Delete><Quiet>true</Quiet>${elements}</Delete>`, "Delete", schema).Key;
  };
  expect(keys("a")).toEqual(["a"]);
  expect(keys("a", "b", "c")).toEqual(["a", "b", "c"]);
  for (const refused of [[], ["a", "b", "c", "d"]]) {
    expect(() => keys(...refused)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
  }
});
