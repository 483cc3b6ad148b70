import { useState } from "preact/hooks";
import type { Entry } from "../listing.ts";
import { readable } from "../names.ts";
import type { View } from "../view.ts";
import { Modal } from "./modal.tsx";

interface DeleteQuestionProps extends View {
  readonly entry: Entry;
  readonly onDelete: () => Promise<void>;
  readonly onClose: () => void;
}

export function DeleteQuestion({ entry: { name, type }, onDelete, onClose, words }: DeleteQuestionProps) {
  const [isBusy, setBusy] = useState(false);
  return (
    <Modal label={<bdi class="name">{words.deleteQuestion(readable(name))}</bdi>} onClose={onClose}>
      <p class="muted">{type === "directory" ? words.deleteDirectoryNote : words.deleteNote}</p>
      <div class="buttons">
        <button
          type="button"
          class="danger"
          disabled={isBusy}
          onClick={() => {
            setBusy(true);
            void onDelete();
          }}
        >
          {words.deleteIt}
        </button>
        <button type="button" class="quiet" onClick={onClose}>
          {words.cancel}
        </button>
      </div>
    </Modal>
  );
}
