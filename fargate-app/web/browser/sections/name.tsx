import { piecesOf } from "../names.ts";

/** A name of a file, which cannot change how what stands beside it is read. */
export function Name({ name }: { readonly name: string }) {
  return (
    <bdi class="name">
      {piecesOf(name).map(({ text, isEscape }, index) => (isEscape ? <code key={index}>{text}</code> : text))}
    </bdi>
  );
}
