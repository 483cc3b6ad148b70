import { useState } from "preact/hooks";
import { readable } from "../names.ts";
import type { Answer, Upload } from "../uploads.ts";
import type { View } from "../view.ts";
import { Modal } from "./modal.tsx";

interface ConflictQuestionProps extends View {
  readonly upload: Upload;
  readonly onAnswer: (answer: Answer, forAll: boolean) => void;
}

export function ConflictQuestion({ upload: { file, existing }, onAnswer, words, format }: ConflictQuestionProps) {
  const [forAll, setForAll] = useState(false);
  const version = (size: number, time: number) =>
    Number.isNaN(time) ? format.bytes(size) : `${format.bytes(size)}, ${format.dateTime(time)}`;
  const button = (answer: Answer, text: string, className: string) => (
    <button type="button" class={className} onClick={() => onAnswer(answer, forAll)}>
      {text}
    </button>
  );
  return (
    <Modal
      label={<bdi class="name">{words.conflict(readable(file.name))}</bdi>}
      onClose={() => onAnswer("skip", false)}
    >
      {existing && (
        <dl class="versions">
          <div>
            <dt>{words.existing}</dt>
            <dd>{existing.isDirectory ? words.isDirectory : version(existing.size, existing.modifiedAt)}</dd>
          </div>
          <div>
            <dt>{words.yours}</dt>
            <dd>{version(file.size, file.lastModified)}</dd>
          </div>
        </dl>
      )}
      <label class="check">
        <input type="checkbox" checked={forAll} onChange={({ currentTarget }) => setForAll(currentTarget.checked)} />
        {words.forAll}
      </label>
      <div class="buttons">
        {button("keep-both", words.keepBoth, "")}
        {existing?.isDirectory === false && button("replace", words.replace, "danger")}
        {button("skip", words.skip, "quiet")}
      </div>
    </Modal>
  );
}
