import type { Column, Entry, Order } from "../listing.ts";
import { readable } from "../names.ts";
import type { View } from "../view.ts";
import { DeleteIcon, DirectoryIcon, DownloadIcon, FileIcon } from "./icons.tsx";
import { Name } from "./name.tsx";

interface EntriesProps extends View {
  readonly entries: readonly Entry[];
  readonly order: Order;
  /** Whether nothing can be changed. */
  readonly readOnly: boolean;
  readonly onOrder: (order: Order) => void;
  readonly onPreview: (entry: Entry) => void;
  readonly onDelete: (entry: Entry) => void;
}

export function Entries({ entries, order, readOnly, onOrder, onPreview, onDelete, words, format }: EntriesProps) {
  const heading = (column: Column, text: string, className = "") => {
    const isSorted = order.column === column;
    const descending = isSorted ? !order.descending : column !== "name";
    return (
      <th
        scope="col"
        class={className}
        aria-sort={isSorted ? (order.descending ? "descending" : "ascending") : undefined}
      >
        <button type="button" class="sort" onClick={() => onOrder({ column, descending })}>
          {text}
          <span aria-hidden="true">{isSorted ? (order.descending ? " ↓" : " ↑") : ""}</span>
        </button>
      </th>
    );
  };
  return (
    <table class="entries" aria-label={words.entries}>
      <thead>
        <tr>
          {heading("name", words.name)}
          {heading("size", words.size, "number")}
          {heading("modifiedAt", words.modified)}
          <th scope="col">
            <span class="hidden">{words.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Row key={entry.url} {...{ entry, readOnly, onPreview, onDelete, words, format }} />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps extends Pick<EntriesProps, "readOnly" | "onPreview" | "onDelete">, View {
  readonly entry: Entry;
}

function Row({ entry, readOnly, onPreview, onDelete, words, format }: RowProps) {
  const { name, url, type, size, modifiedAt, isInexact } = entry;
  const label = readable(name);
  return (
    <tr>
      <th scope="row">
        <span class={`entry entry-${type}`}>
          {type === "directory" ? <DirectoryIcon /> : <FileIcon />}
          <span class="grow">
            {type === "directory" && (
              <a href={url}>
                <Name name={name} />
              </a>
            )}
            {type === "file" && (
              // In a tab of its own, it opens the file itself.
              <a
                href={url}
                onClick={(event) => {
                  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                  event.preventDefault();
                  onPreview(entry);
                }}
              >
                <Name name={name} />
              </a>
            )}
            {type !== "directory" && type !== "file" && <Name name={name} />}
            {isInexact && <span class="tag">{words.notUtf8}</span>}
          </span>
        </span>
      </th>
      <td class="number">
        {type === "file" ? format.bytes(size) : <span class="muted small">{words.types[type] ?? type}</span>}
      </td>
      <td class="time">
        <time dateTime={new Date(modifiedAt).toISOString()}>{format.dateTime(modifiedAt)}</time>
      </td>
      <td class="actions">
        {type === "file" && (
          <a class="action" href={url} download={name} aria-label={words.download(label)} title={words.download(label)}>
            <DownloadIcon />
          </a>
        )}
        {!readOnly && (
          <button
            type="button"
            class="action"
            aria-label={words.delete(label)}
            title={words.delete(label)}
            onClick={() => onDelete(entry)}
          >
            <DeleteIcon />
          </button>
        )}
      </td>
    </tr>
  );
}
