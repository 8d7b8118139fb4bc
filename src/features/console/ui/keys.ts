/** Keyboard shortcuts, for the listener and for the list behind `?`. */
import { signal } from '@preact/signals';
import { toggleTheme } from './theme.ts';

export const isHelpOpen = signal(false);

interface Shortcut {
  /** One key, or two keys with a space between, typed one after the other. */
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
  { keys: 'g c', what: 'Compare', run: go('#/compare') },
  { keys: 'g p', what: 'Playground', run: go('#/playground') },
  { keys: 'g a', what: 'REST API', run: go('#/rest-api') },
  { keys: 'j', what: 'Next row of a list', run: () => moveRow(1) },
  { keys: 'k', what: 'Previous row of a list', run: () => moveRow(-1) },
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

/** The longest time between the two keys of a shortcut. */
const PAIR_MS = 1200;

export function watchKeys(): void {
  let before = '';
  let beforeAt = 0;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const typed = event.timeStamp - beforeAt < PAIR_MS ? `${before} ${event.key}` : event.key;
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

/** Moves the focus between the links of a list's rows. */
function moveRow(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('main tbody tr a.row-link')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = at === -1 ? (step > 0 ? 0 : links.length - 1) : at + step;
  links[Math.min(links.length - 1, Math.max(0, next))]?.focus();
}
