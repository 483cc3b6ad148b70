/** Names of files: as people can read them without being deceived, and as they are written in URLs. */

/** A piece of a name that is shown as it is, or written out. */
export interface Piece {
  readonly text: string;
  readonly isEscape: boolean;
}

/**
 * What cannot be seen, or changes how its neighbours are seen: control characters, overrides of the writing direction,
 * separators of lines. Not what joins and separates letters in many scripts, and in emoji.
 */
const UNSEEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** A name in which everything can be seen: `\u{202e}` stands for such a character. */
export function piecesOf(name: string): Piece[] {
  const pieces: Piece[] = [];
  let plain = "";
  for (const character of name) {
    if (!UNSEEN.test(character)) {
      plain += character;
      continue;
    }
    if (plain !== "") pieces.push({ text: plain, isEscape: false });
    plain = "";
    pieces.push({ text: `\\u{${character.codePointAt(0)?.toString(16)}}`, isEscape: true });
  }
  if (plain !== "") pieces.push({ text: plain, isEscape: false });
  return pieces;
}

/** As {@link piecesOf}, for labels and titles. */
export function readable(name: string): string {
  return piecesOf(name)
    .map(({ text }) => text)
    .join("");
}

/** The name that a part of a URL stands for; only something like it where it is not UTF-8. */
export function nameOf(part: string): string {
  const bytes = part
    .split(/%([\dA-F]{2})/i)
    .flatMap((piece, index) => (index % 2 === 1 ? [Number.parseInt(piece, 16)] : [...new TextEncoder().encode(piece)]));
  return new TextDecoder().decode(Uint8Array.from(bytes));
}

/** `report.txt` becomes `report (2).txt`. */
export function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf(".");
  const end = dot <= 0 ? name.length : dot;
  return `${name.slice(0, end)} (${number})${name.slice(end)}`;
}
