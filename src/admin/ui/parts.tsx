/** Small parts that pages share. */
import type { ComponentChildren } from 'preact';
import type { Sentence } from './words.ts';

/** A titled part of a page. `aside` stands to the right of the title. */
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
        {aside !== undefined && <div class="aside">{aside}</div>}
      </div>
      {children}
    </section>
  );
}

/** One number: what it is, how much, what to know about it. */
export function Tile({ label, value, note, tone }: { label: string; value: string; note?: string; tone?: 'warn' }) {
  return (
    <div class={`tile ${tone ?? ''}`}>
      <div class="label">{label}</div>
      <div class="value">{value}</div>
      <div class="note">{note ?? '\u00a0'}</div>
    </div>
  );
}

/** Nothing to show, and why; or something went wrong. */
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

/** Holds the place of what is on its way. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div class="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} />
      ))}
    </div>
  );
}

/** Sentences; those that somebody should look at are marked. */
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
          {text}
        </li>
      ))}
    </ul>
  );
}

/** One of a few, side by side. */
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

/** A state in a word, with a shape of its own. */
export function Chip({ tone, children }: { tone: 'good' | 'warn' | 'bad' | 'plain'; children: ComponentChildren }) {
  return <span class={`chip ${tone}`}>{children}</span>;
}
