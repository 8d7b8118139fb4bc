/** Asks before something is done that requests will notice. Escape and Cancel mean no. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface ConfirmDialogProps {
  readonly isOpen: boolean;
  readonly title: string;
  readonly action: string;
  readonly close: (isConfirmed: boolean) => void;
  readonly children: ComponentChildren;
}

export function ConfirmDialog({ isOpen, title, action, close, children }: ConfirmDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onCancel={() => close(false)}>
      <h2 id="confirm-title">{title}</h2>
      <p>{children}</p>
      <div class="dialog-buttons">
        <button type="button" onClick={() => close(false)}>
          Cancel
        </button>
        <button type="button" class="primary" onClick={() => close(true)}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
