import { useEffect, useState } from "preact/hooks";
import { type Entry, type Problem, problemOf } from "../listing.ts";
import { readable } from "../names.ts";
import { problemText, type View } from "../view.ts";
import { Modal } from "./modal.tsx";
import { Name } from "./name.tsx";

interface PreviewProps extends View {
  readonly entry: Entry;
  readonly onClose: () => void;
  /** Called where the token is no longer valid. */
  readonly onUnauthorized: () => void;
}

/** Bytes of text that the router sends. */
const MAX_TEXT = 250_000;

/** A file in a frame that can do nothing but show it: by its own attribute, and by the headers of what it shows. */
export function Preview({ entry, onClose, onUnauthorized, words, format }: PreviewProps) {
  const { name, size, url } = entry;
  const source = url.replace(/^\/files\//, "/preview/");
  const [found, setFound] = useState<"text" | "image" | Problem>();
  useEffect(() => {
    void look(source).then((looked) => {
      if (typeof looked === "object" && looked.status === 401) onUnauthorized();
      else setFound(looked);
    });
  }, [source]);
  return (
    <Modal label={<Name name={name} />} onClose={onClose} isWide>
      <div class="preview" aria-busy={found === undefined}>
        {found === undefined && <p class="muted">{words.loading}</p>}
        {typeof found === "object" && <p role="status">{refusal(found, words)}</p>}
        {typeof found === "string" && (
          <iframe class={found} src={source} title={words.preview(readable(name))} sandbox="" />
        )}
      </div>
      {found === "text" && size > MAX_TEXT && <p class="muted small">{words.beginningOf(format.bytes(MAX_TEXT))}</p>}
      <div class="buttons">
        <a class="button" href={url} download={name}>
          {words.downloadIt}
        </a>
        <button type="button" class="quiet" onClick={onClose}>
          {words.close}
        </button>
      </div>
    </Modal>
  );
}

async function look(source: string): Promise<"text" | "image" | Problem> {
  try {
    const response = await fetch(source, { method: "HEAD", cache: "no-store" });
    if (!response.ok) return await problemOf(response);
    return response.headers.get("content-type")?.startsWith("image/") ? "image" : "text";
  } catch (error) {
    return { status: 0, detail: String(error) };
  }
}

function refusal(problem: Problem, words: View["words"]): string {
  if (problem.status === 415) return words.noPreview;
  if (problem.status === 413) return words.tooLarge;
  if (problem.status === 404) return words.gone;
  return problemText(problem, words);
}
