import assert from 'node:assert/strict';
import { it } from 'node:test';
import { requestsTable } from '../../../src/features/flight-recorder/command/requests.ts';

const EVIL = '\u001b]0;x\u0007\u202e\nready';

it('a table of requests and restarts shows what would act on a terminal by numbers', () => {
  const entry = {
    ...{ id: EVIL, model: EVIL, version: EVIL, outcome: 'ok', kept: 'recent', peer: EVIL, rows: 1, duration_ms: 1 },
    ...{ error: { kind: 'internal', message: EVIL }, received_at: '2026-11-30T03:12:07.250Z' },
  };
  const restart = { started_at_ms: 5, ended_at_ms: 1, reason: 'unknown', version: EVIL };
  const answer = { requests: [entry], restarts: [restart] };
  const text = requestsTable(answer as unknown as Parameters<typeof requestsTable>[0]);
  assert.doesNotMatch(text, /[^\P{Cc}\n]|\p{Cf}/u);
  assert.equal(text.trimEnd().split('\n').length, 3, text);
});
