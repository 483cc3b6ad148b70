import type { Session } from "../../../src/status/document.ts";
import type { View } from "../view.ts";

interface ReadOnlyProps extends Pick<View, "words"> {
  readonly readOnly: NonNullable<Session["readOnly"]>;
  /** The path of the directory's URL. */
  readonly directory: string;
}

/** That nothing can be changed here, and where it can. */
export function ReadOnly({ readOnly: { reason, primary }, directory, words }: ReadOnlyProps) {
  const isElsewhere = reason === "standby" || reason === "superseded";
  return (
    <p class="notice" role="note">
      {isElsewhere ? words.readOnly : words.readOnlyNow}{" "}
      {primary !== undefined && <a href={new URL(directory, primary).href}>{words.toPrimary}</a>}
    </p>
  );
}
