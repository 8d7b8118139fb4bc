import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAGE_DECODE, STAGE_ENCODE, STAGE_EXECUTE, StageClock } from '../../../../src/ledger/stage-clock.ts';
import { serverTiming } from '../../../../src/proxy/http1/answer-head.ts';

test('lists every stage that was reached; the last one ends now', () => {
  const stages = new StageClock(100);
  assert.equal(serverTiming(stages, 100.5), 'receive;dur=0.5');
  stages.enter(STAGE_DECODE, 101);
  assert.equal(serverTiming(stages, 101.25), 'receive;dur=1, decode;dur=0.25');
  stages.enter(STAGE_EXECUTE, 102);
  stages.enter(STAGE_ENCODE, 105.1234);
  assert.equal(
    serverTiming(stages, 105.2),
    'receive;dur=1, decode;dur=1, admit;dur=0, queue;dur=0, batch;dur=0, execute;dur=3.123, split;dur=0, encode;dur=0.077',
  );
});
