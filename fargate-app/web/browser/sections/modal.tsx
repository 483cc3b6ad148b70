import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface ModalProps {
  readonly label: ComponentChildren;
  readonly onClose: () => void;
  readonly isWide?: boolean;
  readonly children: ComponentChildren;
}

/** A dialog that is open as long as it is rendered. */
export function Modal({ label, onClose, isWide = false, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const { activeElement } = document;
    dialog.current?.showModal();
    // Removed, it does not give the focus back as it does when it is closed.
    return () => activeElement instanceof HTMLElement && activeElement.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide ? "wide-dialog" : ""}
      aria-labelledby="dialog"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id="dialog">{label}</h2>
      {children}
    </dialog>
  );
}
