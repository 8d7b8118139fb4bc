/** Small components and helpers that pages share. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Sentence } from '../../../ledger/report.ts';

/** A titled section of a page. `aside` is shown to the right of the title. */
export function Panel(props: {
  title: string;
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  const { title, aside, children } = props;
  return (
    <section class={`panel ${props.class ?? ''}`} aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        {aside !== undefined && aside !== false && <div class="aside">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

/** One number with its label and a note. */
export function Tile({ label, value, note, tone }: { label: string; value: string; note?: string; tone?: 'warn' }) {
  return (
    <div class={`tile ${tone ?? ''}`}>
      <div class="label">{label}</div>
      <div class="value">{value}</div>
      <div class="note">{note ?? '\u00a0'}</div>
    </div>
  );
}

/** Shown instead of empty content. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Failure({ error, again }: { error: Error; again?: () => void }) {
  return (
    <div class="failure" role="alert">
      <p>{error.message}</p>
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** A placeholder while content loads. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} />
      ))}
    </div>
  );
}

/** A place whose content may be wider than it. It can be scrolled by keys then. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  const place = useRef<HTMLElement>(null);
  const [isWide, setWide] = useState(false);
  useEffect(() => {
    const { current } = place;
    if (current === null) return;
    const look = new ResizeObserver(() => setWide(current.scrollWidth > current.clientWidth));
    look.observe(current);
    for (const child of current.children) look.observe(child);
    return () => look.disconnect();
  }, []);
  return (
    <section ref={place} class="scroll" {...(isWide && { tabIndex: 0, 'aria-label': `${label}, to be scrolled` })}>
      {children}
    </section>
  );
}

/** A list of sentences; warnings are marked. */
export function Words({ sentences }: { sentences: readonly Sentence[] }) {
  return (
    <ul class="words">
      {sentences.map(({ text, tone }) => (
        <li key={text} class={tone}>
          {tone === 'warn' && (
            <span class="mark" role="img" aria-label="Look at this">
              !
            </span>
          )}
          {withCode(text)}
        </li>
      ))}
    </ul>
  );
}

/** The text, with its parts between backticks shown as code. */
function withCode(text: string): ComponentChildren {
  return text.split('`').map((part, i) => (i % 2 === 1 ? <code key={part}>{part}</code> : part));
}

/** A choice of one among a few buttons. */
export function Choices<T extends string>(props: {
  label: string;
  options: readonly T[];
  chosen: T;
  choose: (option: T) => void;
  textOf?: (option: T) => string;
}) {
  const { label, options, chosen, choose, textOf = (option) => option } = props;
  return (
    <fieldset class="tabs" aria-label={label}>
      {options.map((option) => (
        <button key={option} type="button" aria-pressed={option === chosen} onClick={() => choose(option)}>
          {textOf(option)}
        </button>
      ))}
    </fieldset>
  );
}

/** A state in a word; each tone has its own shape. */
export function Chip({ tone, children }: { tone: 'good' | 'warn' | 'bad' | 'plain'; children: ComponentChildren }) {
  return <span class={`chip ${tone}`}>{children}</span>;
}

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly set: (value: string) => void;
  readonly textOf?: (option: string) => string;
  readonly isInline?: boolean;
}

export function Select({ label, value, options, set, textOf = (option) => option, isInline }: SelectProps) {
  return (
    <label class={isInline ? 'field inline' : 'field'}>
      {label}
      <select value={value} onChange={(event) => set(event.currentTarget.value)} disabled={options.length === 0}>
        {options.map((option) => (
          <option key={option} value={option}>
            {textOf(option)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A ref for a modal <dialog>, which is shown while `isOpen`. */
export function useDialog(isOpen: boolean) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
  }, [isOpen]);
  return dialog;
}

interface ConfirmDialogProps {
  readonly isOpen: boolean;
  readonly title: string;
  readonly action: string;
  readonly close: (isConfirmed: boolean) => void;
  readonly children: ComponentChildren;
}

/** Asks before an action that requests will notice. Escape and Cancel mean no. */
export function ConfirmDialog({ isOpen, title, action, close, children }: ConfirmDialogProps) {
  const dialog = useDialog(isOpen);
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

/** Downloads a file in the browser. */
export function saveFile(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
