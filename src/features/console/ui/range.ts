/**
 * The span of time that every page shows, from the query of the address: `/?since=1h#/requests`. Links between pages
 * change the part after # alone, so that the span goes along. Without one the pages show what happens now.
 */
import { computed, signal } from '@preact/signals';

/** Texts of the address. `since`: '' = now, an age ('15m'), or a local time as a field for times has it. */
export interface Range {
  readonly since: string;
  /** '' = until now; else a local time. */
  readonly until: string;
}

/** Ages that the control offers. */
export const AGES = ['15m', '1h', '6h', '24h'] as const;

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3600_000, d: 86_400_000 };

export const range = signal<Range>(rangeIn(location.search));
/** The pages show what happens now. */
export const isNow = computed(() => spanOf(range.value, 0) === undefined);

export function watchRange(): void {
  addEventListener('popstate', () => {
    range.value = rangeIn(location.search);
  });
}

/** Shows another span, with an entry of the browser's history. */
export function setRange({ since, until }: Range): void {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries({ since, until })) {
    if (value === '') query.delete(name);
    else query.set(name, value);
  }
  const search = query.toString();
  history.pushState(null, '', `${location.pathname}${search === '' ? '' : `?${search}`}${location.hash}`);
  range.value = { since, until };
}

export interface Span {
  /** Ms since 1970. */
  readonly from: number;
  readonly to: number;
  /** It ends now: later requests belong to it too. */
  readonly isOpen: boolean;
}

/** The span that a range means at a time; undefined for now, and for texts that are no times. */
export function spanOf({ since, until }: Range, nowMs: number): Span | undefined {
  const from = timeOf(since, nowMs);
  const to = until === '' ? nowMs : timeOf(until, nowMs);
  if (from === undefined || to === undefined) return undefined;
  return { from, to, isOpen: until === '' };
}

function timeOf(text: string, nowMs: number): number | undefined {
  const age = /^(\d{1,4})([mhd])$/.exec(text);
  if (age !== null) return nowMs - Number(age[1]) * UNIT_MS[age[2]!]!;
  const time = text === '' ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** A local time as a field for times has it, to the second: "2026-11-30T03:12:00". */
export function fieldTime(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function rangeIn(search: string): Range {
  const query = new URLSearchParams(search);
  return { since: query.get('since') ?? '', until: query.get('until') ?? '' };
}
