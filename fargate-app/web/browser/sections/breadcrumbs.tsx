import { nameOf } from "../names.ts";
import type { View } from "../view.ts";
import { Name } from "./name.tsx";

const ROOT = "/files/";

interface BreadcrumbsProps extends View {
  /** The path of the directory's URL. */
  readonly directory: string;
}

/** The way to the directory, whose name is the heading of the page. */
export function Breadcrumbs({ directory, words }: BreadcrumbsProps) {
  const parts = directory.slice(ROOT.length).split("/").slice(0, -1);
  const ways = parts.map((part, index) => ({
    name: nameOf(part),
    url: `${ROOT}${parts.slice(0, index + 1).join("/")}/`,
  }));
  const above = [{ name: words.root, url: ROOT }, ...ways].slice(0, -1);
  const current = ways.at(-1);
  return (
    <>
      {above.length > 0 && (
        <nav class="breadcrumbs" aria-label={words.path}>
          <ol>
            {above.map(({ name, url }) => (
              <li key={url}>
                <a href={url}>
                  <Name name={name} />
                </a>
              </li>
            ))}
          </ol>
        </nav>
      )}
      <h1>{current === undefined ? words.root : <Name name={current.name} />}</h1>
    </>
  );
}
