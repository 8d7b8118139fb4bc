/** What a run records, and what its page says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Sample, sampleOf } from '../../../../bench/ratchet/figures.ts';
import { readOptions } from '../../../../bench/ratchet/options.ts';
import { renderDocument, renderTable, verdictsOf } from '../../../../bench/ratchet/render.ts';
import { type Run, readResults, withNewBests } from '../../../../bench/ratchet/results.ts';

const KEYS = ['a: requests/s', 'b: requests/s', 'c: requests/s'];

function samplesOf(work: string, ratio: number): Sample[] {
  const pairs = [{ here: ratio * 100, pinned: 100 }];
  return [0, 1, 2, 3].map((start) => sampleOf({ work, measure: 'requests', start }, pairs));
}

const RUN: Run = {
  plan: 'quick',
  machine: { cpu: 'a processor', cores: 2, memoryGiB: 24, kernel: '6.1', node: 'v20.19.0' },
  startedAt: '2026-11-30T12:00:00.000Z',
  minutes: 10,
  here: { commit: 'aaaaaaaaaaaaaaaa', isChanged: true },
  pinned: 'bbbbbbbbbbbbbbbb',
  starts: 4,
  seconds: 24,
  repeated: [],
  incidents: [],
  bests: { [KEYS[0]!]: 1, [KEYS[1]!]: 1 },
  samples: [...samplesOf('a', 1.1), ...samplesOf('b', 0.9), ...samplesOf('c', 0.7)],
};

describe('withNewBests', () => {
  it('takes what is better and what is new, with where it was reached, and leaves the others', () => {
    const old = { ratio: 1, commit: 'cccccccc', date: '2026-11-26' };
    const before = { commit: RUN.pinned, bests: { [KEYS[0]!]: old, [KEYS[1]!]: old, other: old } };
    const { bests, commit } = withNewBests(before, verdictsOf(RUN), RUN);
    const here = { commit: 'aaaaaaaa with changes', date: '2026-11-30' };
    assert.equal(commit, RUN.pinned);
    assert.deepEqual(bests, {
      [KEYS[0]!]: { ratio: 1.1, ...here },
      [KEYS[1]!]: old,
      [KEYS[2]!]: { ratio: 0.7, ...here },
      other: old,
    });
  });
});

describe('the table', () => {
  it('has a line a figure, with ratio, interval, best and verdict', () => {
    const [, , a, b, c] = renderTable(verdictsOf(RUN)).split('\n');
    assert.equal(a, '| a | requests/s | 110 | 100 | 1.10 (1.10 to 1.10) | 1.00 | 1.10 | new best |');
    assert.equal(b, '| b | requests/s | 90 | 100 | 0.90 (0.90 to 0.90) | 1.00 | 0.90 | **fails** |');
    assert.equal(c, '| c | requests/s | 70 | 100 | 0.70 (0.70 to 0.70) | – | – | first run |');
  });

  it('stands on the page under what was measured, where and when', () => {
    const samples = RUN.samples.map((sample, i) => (i === 0 ? { ...sample, isDisturbed: true } : sample));
    const page = renderDocument({ quick: { ...RUN, samples, repeated: ['b'], incidents: ['start 2: c ended'] } });
    assert.match(page, /^aaaaaaaa with changes beside bbbbbbbb on 2026-11-30, in 10 minutes: 4 starts/m);
    assert.match(page, /a processor, 2 cores, 24 GiB, Linux 6\.1, Node v20\.19\.0\./);
    assert.match(page, /1 of 12 starts' figures were measured on a disturbed machine/);
    assert.match(page, /Could not be measured: start 2: c ended\./);
    assert.match(page, /Measured once more, as a figure failed: b\./);
  });
});

it('docs/results/ratchet.md says what bench/results/ratchet.json has', () => {
  assert.equal(readFileSync(join('docs', 'results', 'ratchet.md'), 'utf8'), renderDocument(readResults()));
});

describe('the options', () => {
  for (const [args, plan, isPublished] of [
    [[], 'quick', true],
    [['quick'], 'quick', true],
    [['all'], 'all', true],
    [['all', '--starts=2'], 'all', false],
    [['--against=HEAD'], 'quick', false],
    [['--only=mlp_small'], 'quick', false],
  ] as const) {
    it(`${args.join(' ') || 'none'}: ${plan}, ${isPublished ? 'published' : 'only printed'}`, () => {
      const options = readOptions(args);
      assert.equal(options.plan, plan);
      assert.equal(options.isPublished, isPublished);
    });
  }

  for (const [args, text] of [
    [['fast'], /no plan "fast": quick or all/],
    [['quick', 'all'], /one plan at a time/],
    [['--starts=0'], /--starts is 0; a whole number/],
    [['--turns=3'], /--turns/],
  ] as const) {
    it(`${args.join(' ')} is refused`, () => assert.throws(() => readOptions(args), text));
  }
});
