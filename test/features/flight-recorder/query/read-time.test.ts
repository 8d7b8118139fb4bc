import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readTime } from '../../../../src/features/flight-recorder/query/read-time.ts';

const NOW = new Date(2026, 10, 30, 9, 15, 20).getTime();
const local = (...parts: [number, number, number, number, number, number?]): number => new Date(...parts).getTime();

describe('readTime', () => {
  const cases: Readonly<Record<string, number>> = {
    '15m': NOW - 15 * 60_000,
    '-90s': NOW - 90_000,
    '1.5h': NOW - 5_400_000,
    '2d': NOW - 2 * 86_400_000,
    '03:12': local(2026, 10, 30, 3, 12),
    '3:12:07': local(2026, 10, 30, 3, 12, 7),
    '09:15:20': NOW,
    '23:59': local(2026, 10, 29, 23, 59),
    '2026-11-29': local(2026, 10, 29, 0, 0),
    '2026-11-29 03:12': local(2026, 10, 29, 3, 12),
    '2026-11-29T03:12:00Z': Date.UTC(2026, 10, 29, 3, 12),
    '2026-11-29T03:12:00.250+02:00': Date.UTC(2026, 10, 29, 1, 12) + 250,
    '1764400000000': 1764400000000,
  };
  for (const [text, time] of Object.entries(cases)) it(`reads ${text}`, () => assert.equal(readTime(text, NOW), time));

  for (const text of [
    '',
    'now',
    '24:00',
    '12:60',
    '15',
    '15y',
    '1e3m',
    '2026',
    '2026-13-01',
    '2026-11-29T99:00',
    '-1',
    '0',
  ]) {
    it(`reads no time in "${text}"`, () => assert.equal(readTime(text, NOW), undefined));
  }
});
