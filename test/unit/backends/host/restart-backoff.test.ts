import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  DEFAULT_FIRST_DELAY_MS,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_MAX_DELAY_MS,
  RestartBackoff,
} from '../../../../src/backends/host/restart-backoff.ts';

it('waits longer after each failure up to a bound, and gives up in the end', () => {
  const backoff = new RestartBackoff();
  const delays = Array.from({ length: DEFAULT_MAX_ATTEMPTS }, () => backoff.nextDelayMs()!);
  assert.equal(delays[0], DEFAULT_FIRST_DELAY_MS);
  assert.equal(delays.at(-1), DEFAULT_MAX_DELAY_MS);
  assert.deepEqual(
    delays,
    [...delays].sort((a, b) => a - b),
  );
  assert.equal(backoff.nextDelayMs(), undefined);
});

it('starts again once the worker has proved good', () => {
  const backoff = new RestartBackoff();
  while (backoff.nextDelayMs() !== undefined);
  backoff.reset();
  assert.equal(backoff.nextDelayMs(), DEFAULT_FIRST_DELAY_MS);
});
