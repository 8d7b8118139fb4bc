import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { createLogger } from '../../../../src/ledger/log/log.ts';
import { logModelEvents } from '../../../../src/models/lifecycle/model-log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

it('each step of a model’s life is a line with what an operator looks for', () => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (text: string) => void lines.push(JSON.parse(text)) };
  const logger = createLogger({ level: 'info', clock: new FakeClock(), destination });
  const events = logModelEvents(logger);
  const error = new ServingError('load_failed', 'no model');
  events.onTransition('m', { version: 3n, state: 'START', error: undefined }, undefined, 0);
  events.onTransition('m', { version: 3n, state: 'AVAILABLE', error: undefined }, 'LOADING', 1234.5);
  events.onTransition('m', { version: 4n, state: 'END', error }, 'LOADING', 10);
  events.onProgress('m', 5n, 20_000.4);
  events.onRetry('m', 5n, { error, retry: 1, maxRetries: 5, delayMs: 60_000 });
  events.onUnloadFailed('m', 3n, error);
  events.onBlocked('m', 'base path /m does not exist', false);
  events.onBlocked('m', 'version 1 is still being written', true);
  events.onBlocked('m', undefined, false);
  const facts = lines.map(({ level, msg, version, state, lasted_ms, elapsed_ms, retry, retry_in_ms }) =>
    [level, msg, version, state, lasted_ms, elapsed_ms, retry, retry_in_ms].filter((fact) => fact !== undefined),
  );
  assert.deepEqual(facts, [
    ['info', 'model version', '3', 'AVAILABLE', 1235],
    ['error', 'model version failed to load', '4', 'END', 10],
    ['info', 'model version is still loading', '5', 20_000],
    ['warn', 'model version did not load; it is tried again', '5', 1, 60_000],
    ['error', 'model version did not close in order', '3'],
    ['warn', 'model waits: base path /m does not exist'],
    ['info', 'model waits: version 1 is still being written'],
    ['info', 'model versions found'],
  ]);
});
