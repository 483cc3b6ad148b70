import type { HotSpot } from "../../../src/status/document.ts";
import type { View } from "../view.ts";
import { Share } from "./parts.tsx";

const MAX_SHOWN = 5;

/** What gets less is no spot. */
const MIN_SHARE = 0.001;

export function HotSpots({ status: { hotSpots }, words, format }: View) {
  const ranks = (title: string, spots: readonly HotSpot[]) => {
    const shown = spots.filter(({ share }) => share >= MIN_SHARE).slice(0, MAX_SHOWN);
    return (
      <div>
        <h3>{title}</h3>
        <ol class="ranks">
          {shown.map(({ path, share }) => (
            <li key={path}>
              <span class="path" title={path}>
                {path || words.root}
              </span>
              {hotSpots.hot.includes(path) && spots === hotSpots.paths && <span class="badge">{words.hot}</span>}
              <Share share={share} text={format.percent(share)} />
            </li>
          ))}
        </ol>
      </div>
    );
  };
  return (
    <section aria-labelledby="hot-spots">
      <h2 id="hot-spots">{words.hotSpots}</h2>
      {hotSpots.paths.length === 0 ? (
        <p class="muted">{words.nothingHot}</p>
      ) : (
        <div class="columns">
          {ranks(words.paths, hotSpots.paths)}
          {ranks(words.directories, hotSpots.directories)}
        </div>
      )}
    </section>
  );
}
