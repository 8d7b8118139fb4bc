/** Times as people write them: an age, a time of the day, a date. */
import { lastTimeOfDay, parseWall } from '../../../core/clock.ts';

/** The forms, for help texts and refusals. */
export const TIME_FORMS =
  'an age (15m, 6h), a time of the day (03:12), a date with a time (2026-11-30T03:12:00Z, in local time without Z), or ms since 1970';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3600_000, d: 86_400_000 };
/** The least number of ms that is taken for a time: September 2001. */
const LEAST_MS = 1e12;

/** The time that a text names, in ms since 1970; undefined if it names none. A time of the day is the last one so far. */
export function readTime(text: string, nowMs: number): number | undefined {
  const age = /^-?(\d{1,9}(?:\.\d{1,3})?)([smhd])$/.exec(text);
  if (age !== null) return nowMs - Number(age[1]) * UNIT_MS[age[2]!]!;
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text);
  if (clock !== null) return lastTimeOfDay(nowMs, Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0));
  if (/^\d{13,15}$/.test(text)) return Number(text) >= LEAST_MS ? Number(text) : undefined;
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)/.test(text)) return undefined;
  const time = parseWall(text.length === 10 ? `${text}T00:00` : text);
  return Number.isNaN(time) ? undefined : time;
}
