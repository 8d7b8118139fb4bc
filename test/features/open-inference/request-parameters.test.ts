import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ParameterValue } from '../../../src/codec/open-inference/infer-request.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { Priority } from '../../../src/core/priority.ts';
import { readInferSettings } from '../../../src/features/open-inference/request-parameters.ts';

const read = (parameters: Readonly<Record<string, ParameterValue>>) =>
  readInferSettings(new Map(Object.entries(parameters)));

describe('the parameters of a request', () => {
  it('decide nothing where there are none', () => {
    const none = { timeoutMs: undefined, priority: undefined, signatureName: undefined };
    const nothing = { ...none, sequence: undefined };
    assert.deepEqual(read({}), nothing);
    assert.deepEqual(
      read({ timeout: 0n, priority: 0n, signature_name: '', sequence_id: 0n, sequence_end: false }),
      nothing,
    );
    assert.deepEqual(read({ 'my-model-option': 'x', sequence_id: '' }), nothing);
  });

  it('set a deadline in µs, as a number or a 64-bit one', () => {
    assert.equal(read({ timeout: 2500n }).timeoutMs, 2.5);
    assert.equal(read({ timeout: 2500 }).timeoutMs, 2.5);
  });

  for (const [level, name] of [
    [1, 'critical'],
    [2, 'default'],
    [3, 'sheddable'],
    [2 ** 40, 'sheddable'],
  ] as const) {
    it(`make priority ${level} ${name}`, () => assert.equal(read({ priority: level }).priority, Priority[name]));
  }

  it('name a signature', () => {
    assert.equal(read({ signature_name: 'encode' }).signatureName, 'encode');
  });

  it('say which step of a sequence it is', () => {
    assert.deepEqual(read({ sequence_id: 7n, sequence_start: true }).sequence, { id: 7n, start: true, end: false });
    assert.deepEqual(read({ sequence_id: 7 }).sequence, { id: 7n, start: false, end: false });
    assert.deepEqual(read({ sequence_id: 2n ** 64n - 1n }).sequence?.id, 2n ** 64n - 1n);
    assert.deepEqual(read({ sequence_id: 'call', sequence_end: true }).sequence, {
      id: 'call',
      start: false,
      end: true,
    });
  });

  for (const [what, parameters, text] of [
    [
      'a negative timeout',
      { timeout: -1n },
      /^parameter "timeout" is -1; send a whole number of 0 or more: microseconds/,
    ],
    ['a fraction', { timeout: 0.5 }, /^parameter "timeout" is 0\.5; send a whole number/],
    ['a timeout as text', { timeout: '5' }, /^parameter "timeout" is "5"; send a whole number/],
    [
      'a flag',
      { priority: true },
      /^parameter "priority" is true; send a whole number of 0 or more: 1 for the highest/,
    ],
    ['a signature that is no text', { signature_name: 1n }, /^parameter "signature_name" is 1; send the name/],
    [
      'a reserved name',
      { triton_x: 1n },
      /^parameter keys starting with 'triton_' are reserved for Triton usage; rename "triton_x"$/,
    ],
    ['the start of no sequence', { sequence_start: true }, /^parameter "sequence_start" without "sequence_id"; send/],
    [
      'the end of no sequence',
      { sequence_id: 0n, sequence_end: true },
      /^parameter "sequence_end" without "sequence_id"/,
    ],
    [
      'a flag as a number',
      { sequence_id: 1n, sequence_start: 1n },
      /^parameter "sequence_start" is 1; send true or false/,
    ],
    ['a negative sequence', { sequence_id: -1n }, /^parameter "sequence_id" is -1; send a text, or a whole number/],
    [
      'a sequence whose digits JSON has lost',
      { sequence_id: 2 ** 53 },
      /^parameter "sequence_id" is 9007199254740992; /,
    ],
    ['a half sequence', { sequence_id: 0.5 }, /^parameter "sequence_id" is 0\.5; /],
    ['a sequence of a flag', { sequence_id: true }, /^parameter "sequence_id" is true; /],
    ['a sequence of a long name', { sequence_id: 'x'.repeat(129) }, /has 129 characters; send at most 128/],
  ] as readonly (readonly [string, Readonly<Record<string, ParameterValue>>, RegExp])[]) {
    it(`are refused with ${what}`, () =>
      assert.throws(
        () => read(parameters),
        (error) => error instanceof ServingError && error.kind === 'invalid_request' && text.test(error.message),
      ));
  }
});
