import { readable } from "../names.ts";
import type { Uploads } from "../uploads.ts";
import { problemText, type View } from "../view.ts";
import { Name } from "./name.tsx";

const MAX_SHOWN = 20;

interface UploadListProps extends View {
  readonly uploads: Uploads;
}

export function UploadList({ uploads, words, format }: UploadListProps) {
  const { list, finished } = uploads;
  if (list.length === 0 && finished === 0) return null;
  const unfinished = list.filter(({ state }) => state !== "failed").length;
  return (
    <section aria-labelledby="uploads">
      <h2 id="uploads" class={list.length === 0 ? "alone" : ""}>
        <span role="status">{unfinished > 0 ? words.uploading(unfinished) : words.uploaded(finished)}</span>
      </h2>
      <ul class="uploads">
        {list.slice(0, MAX_SHOWN).map((upload) => {
          const { id, file, state, sent, problem } = upload;
          const label = readable(file.name);
          return (
            <li key={id}>
              <span class="grow">
                <Name name={file.name} /> <span class="muted small">{format.bytes(file.size)}</span>
                {problem && (
                  <span class="problem" role="alert">
                    {problemText(problem, words)}
                  </span>
                )}
              </span>
              {state !== "failed" && <progress max={file.size || 1} value={sent} aria-label={label} />}
              {state !== "failed" && (
                <button
                  type="button"
                  class="quiet"
                  aria-label={words.cancelUpload(label)}
                  onClick={() => uploads.cancel(upload)}
                >
                  {words.cancel}
                </button>
              )}
            </li>
          );
        })}
        {list.length > MAX_SHOWN && <li class="muted">+ {format.whole(list.length - MAX_SHOWN)}</li>}
      </ul>
    </section>
  );
}
