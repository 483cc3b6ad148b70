import { useMemo, useState } from "preact/hooks";
import { type Entry, type Listing, type Order, sorted } from "../listing.ts";
import { problemText, type View } from "../view.ts";
import { Entries } from "./entries.tsx";

interface DirectoryProps extends View {
  readonly listing: Listing;
  /** Whether nothing can be changed. */
  readonly readOnly: boolean;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
  readonly onPreview: (entry: Entry) => void;
  readonly onDelete: (entry: Entry) => void;
  readonly onFiles: (files: readonly File[]) => void;
  readonly onFolders: () => void;
}

/** The directory, which also takes the files that are dropped on it. */
export function Directory({ listing, readOnly, onFiles, onFolders, words, format, ...table }: DirectoryProps) {
  const [isOver, setOver] = useState(false);
  const { entries, problem, isLoading, hasMore, isFull, passed } = listing;
  const { order } = table;
  const count = format.whole(entries.length);
  // Thousands of rows, which progress of an upload does not change.
  const rows = useMemo(
    () => <Entries {...table} readOnly={readOnly} entries={sorted(entries, order)} words={words} format={format} />,
    [entries, order, words, readOnly],
  );
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (readOnly) return;
    const { items = [] } = event.dataTransfer ?? {};
    const dropped = [...items].filter(({ kind }) => kind === "file");
    const files = dropped.filter((item) => item.webkitGetAsEntry()?.isDirectory !== true);
    if (files.length > 0) onFiles(files.flatMap((item) => item.getAsFile() ?? []));
    if (files.length < dropped.length) onFolders();
  };
  return (
    <section
      class={isOver ? "over" : ""}
      aria-label={words.entries}
      aria-busy={isLoading}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(!readOnly);
      }}
      onDragLeave={({ currentTarget, relatedTarget }) => {
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setOver(false);
      }}
      onDrop={drop}
    >
      {problem === undefined || problem.status !== 404 ? (
        <div class="tools">
          {!readOnly && (
            <>
              <label class="button">
                <input
                  type="file"
                  multiple
                  class="hidden"
                  onChange={({ currentTarget }) => {
                    onFiles([...(currentTarget.files ?? [])]);
                    currentTarget.value = "";
                  }}
                />
                {words.upload}
              </label>
              <span class="muted small hint">{isOver ? words.drop : words.dropHint}</span>
            </>
          )}
          <span class="muted small summary">
            {passed > 0 ? words.shownBehind(count, format.whole(passed)) : words.shown(count, hasMore)}
            {hasMore && <span class="note">{words.sortNote}</span>}
          </span>
        </div>
      ) : null}
      {problem && (
        <p class="problem" role="alert">
          {problem.status === 404 ? words.notFound : problemText(problem, words)}{" "}
          <button type="button" class="quiet" onClick={() => void listing.load()}>
            {words.retry}
          </button>
        </p>
      )}
      {entries.length > 0 && rows}
      {entries.length === 0 && !problem && <p class="muted">{isLoading ? words.loading : words.empty}</p>}
      {(hasMore || passed > 0) && (
        <div class="buttons">
          {hasMore && (
            <button type="button" class="quiet" disabled={isLoading} onClick={() => void listing.loadMore()}>
              {isLoading ? words.loading : isFull ? words.next : words.more}
            </button>
          )}
          {passed > 0 && (
            <button type="button" class="quiet" disabled={isLoading} onClick={() => void listing.load()}>
              {words.beginning}
            </button>
          )}
        </div>
      )}
    </section>
  );
}
