import { FileError } from "../errors.ts";

/** Characters of a line, at most: a batch's read of 1 MiB in base64, and what is around it. */
const MAX_LINE = 2 ** 21;

/** The lines of UTF-8 text, without their ends; also the last one, where it has none. @throws {FileError} `EIO` for one that is too long. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield line;
    if (rest.length > MAX_LINE)
      throw new FileError("EIO", `A line of the response has more than ${MAX_LINE} characters`);
  }
  if (rest !== "") yield rest;
}
