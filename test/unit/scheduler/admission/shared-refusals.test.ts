import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { SharedRefusals } from '../../../../src/scheduler/admission/shared-refusals.ts';
import { REFUSAL_MS, RETRY_VARIANTS } from '../../../../src/scheduler/tuning.ts';

describe('Refusals that are shared', () => {
  it('are a few for a millisecond, with as many delays, in turn', () => {
    const refusals = new SharedRefusals();
    let made = 0;
    const make = (): ServingError => {
      made += 1;
      return new ServingError('overloaded', `number ${made}`, { retryAfterMs: made });
    };
    const first = Array.from({ length: 3 * RETRY_VARIANTS }, () => refusals.at(5, make));
    assert.equal(made, RETRY_VARIANTS);
    const delays = new Set(first.map(({ retryAfterMs }) => retryAfterMs));
    assert.equal(delays.size, RETRY_VARIANTS);
    for (const delay of delays) assert.equal(first.filter(({ retryAfterMs }) => retryAfterMs === delay).length, 3);
    assert.ok(first.includes(refusals.at(5 + REFUSAL_MS - 0.01, make)));
    const next = refusals.at(5 + REFUSAL_MS, make);
    assert.equal(first.includes(next), false);
    assert.equal(next.message, `number ${RETRY_VARIANTS + 1}`);
  });
});
