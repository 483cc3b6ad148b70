/** What several sections have in them. */

interface StateWordProps {
  readonly state: string;
  readonly text: string;
}

export function StateWord({ state, text }: StateWordProps) {
  return (
    <span class={`state state-${state}`}>
      <span class="dot" aria-hidden="true" /> {text}
    </span>
  );
}

interface SwatchProps {
  /** Undefined for a mount target that is gone. */
  readonly color: number | undefined;
}

/** The colour of a mount target, as the charts have it. */
export function Swatch({ color }: SwatchProps) {
  return <span class={`swatch ${color === undefined ? "" : `color-${color}`}`} aria-hidden="true" />;
}

interface ShareProps {
  /** From 0 to 1. */
  readonly share: number;
  readonly text: string;
  readonly color?: number | undefined;
}

export function Share({ share, text, color }: ShareProps) {
  return (
    <span class="share">
      <span class="track" aria-hidden="true">
        <span
          class={`fill ${color === undefined ? "" : `color-${color}`}`}
          style={{ width: `${Math.min(100, share * 100)}%` }}
        />
      </span>
      <span class="percent">{text}</span>
    </span>
  );
}
