/** Light or dark: the system's setting until the user chooses, which the browser remembers. */
import { signal } from '@preact/signals';

type Theme = 'light' | 'dark';

const STORED_AS = 'pillion-theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

export const theme = signal<Theme>(stored() ?? system());

export function watchTheme(): void {
  prefersDark.addEventListener('change', () => {
    if (stored() === undefined) theme.value = system();
  });
  theme.subscribe((chosen) => {
    document.documentElement.dataset['theme'] = chosen;
  });
}

export function toggleTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark';
  localStorage.setItem(STORED_AS, theme.value);
}

/** A colour of the style sheet: `colour('--accent')`. */
export function colour(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

function system(): Theme {
  return prefersDark.matches ? 'dark' : 'light';
}

function stored(): Theme | undefined {
  const value = localStorage.getItem(STORED_AS);
  return value === 'light' || value === 'dark' ? value : undefined;
}
