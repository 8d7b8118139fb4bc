import assert from 'node:assert/strict';
import { it } from 'node:test';
import { shadowLog } from '../../../src/features/shadow/shadow-log.ts';
import type { Logger } from '../../../src/ledger/log/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

it('a difference is told once a minute, with what differs, and then how often it was not', () => {
  const lines: string[] = [];
  const write = (_: unknown, text: string): void => void lines.push(text);
  const clock = new FakeClock();
  const log = shadowLog({ info: write, warn: write } as unknown as Logger, clock);
  const differences = [
    { output: 'p', elements: 640, mismatches: 3, absolute: 0.002, relative: 0.01 },
    { output: 'same', elements: 1, mismatches: 0, absolute: 0, relative: 0 },
    { output: 'd', elements: 64, mismatches: 1, absolute: undefined, relative: undefined },
  ];
  const comparison = { signatureName: 's', latencyRatio: 2, differences };
  for (let i = 0; i < 3; i++) log('m', 1n, { what: 'different', runtime: 'onnx', comparison });
  log('m', 2n, { what: 'failed', runtime: 'onnx', reason: 'it died' });
  const difference = 'its shadow differs: p: 3 of 640 elements, by up to 0.0020 (relative 0.010); d: 1 of 64 elements';
  assert.deepEqual(lines, [difference, 'its shadow failed: it died']);
  clock.advance(60_000);
  assert.deepEqual(lines.slice(2), ['so many more batches in the last minute']);
  log('m', 1n, { what: 'different', runtime: 'onnx', comparison });
  assert.equal(lines.at(-1), difference);
});
