/** Keyboard shortcuts, once: the listener and the list behind `?` are made from this. */
import { signal } from '@preact/signals';
import { toggleTheme } from './theme.ts';

export const isHelpOpen = signal(false);

export interface Shortcut {
  /** As typed, one key after the other. */
  readonly keys: string;
  readonly what: string;
  readonly run: () => void;
}

const go = (hash: string) => (): void => {
  location.hash = hash;
};

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: 'g o', what: 'Overview', run: go('#/') },
  { keys: 'g r', what: 'Requests', run: go('#/requests') },
  { keys: 'g p', what: 'Playground', run: go('#/playground') },
  { keys: 'j', what: 'Next row of a list', run: () => moveRow(1) },
  { keys: 'k', what: 'Row before', run: () => moveRow(-1) },
  { keys: '/', what: 'First filter of the page', run: () => focusFirst('main select, main input') },
  { keys: 't', what: 'Light or dark', run: toggleTheme },
  {
    keys: '?',
    what: 'This list',
    run: () => {
      isHelpOpen.value = !isHelpOpen.value;
    },
  },
];

/** Between the keys of a shortcut of two. */
const PATIENCE_MS = 1200;

export function watchKeys(): void {
  let before = '';
  let beforeAt = 0;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const typed = event.timeStamp - beforeAt < PATIENCE_MS ? `${before} ${event.key}` : event.key;
    const shortcut = SHORTCUTS.find(({ keys }) => keys === typed) ?? SHORTCUTS.find(({ keys }) => keys === event.key);
    before = shortcut === undefined ? event.key : '';
    beforeAt = event.timeStamp;
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, select, textarea, dialog[open]') !== null;
}

function focusFirst(selector: string): void {
  document.querySelector<HTMLElement>(selector)?.focus();
}

/** Rows of lists hold one link each that leads on. */
function moveRow(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('main tbody tr a.row-link')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = at === -1 ? (step > 0 ? 0 : links.length - 1) : at + step;
  links[Math.min(links.length - 1, Math.max(0, next))]?.focus();
}
