import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ParameterValue } from '../../../../../src/codec/open-inference/infer-request.ts';
import { type ErrorKind, ServingError } from '../../../../../src/core/errors.ts';
import { Priority } from '../../../../../src/core/priority.ts';
import { readInferSettings } from '../../../../../src/proxy/protocols/open-inference/request-parameters.ts';

const read = (parameters: Readonly<Record<string, ParameterValue>>) =>
  readInferSettings(new Map(Object.entries(parameters)));

describe('the parameters of a request', () => {
  it('decide nothing where there are none', () => {
    const none = { timeoutMs: undefined, priority: undefined, signatureName: undefined, wantsFinalMark: false };
    assert.deepEqual(read({}), none);
    assert.deepEqual(
      read({ timeout: 0n, priority: 0n, signature_name: '', sequence_id: 0n, sequence_end: false }),
      none,
    );
    assert.deepEqual(read({ 'my-model-option': 'x', sequence_id: '' }), none);
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

  it('name a signature, and ask for a mark on the last answer', () => {
    assert.equal(read({ signature_name: 'encode' }).signatureName, 'encode');
    assert.equal(read({ triton_enable_empty_final_response: true }).wantsFinalMark, true);
    assert.equal(read({ triton_enable_empty_final_response: false }).wantsFinalMark, false);
  });

  for (const [what, parameters, text, kind = 'invalid_request'] of [
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
      /^parameter "triton_x": names that begin with "triton_" are reserved; rename it$/,
    ],
    [
      'a sequence',
      { sequence_id: 5n },
      /^parameter "sequence_id": this server keeps no state between requests; send/,
      'unsupported',
    ],
    ['a named one', { sequence_id: 's' }, /^parameter "sequence_id": this server keeps no state/, 'unsupported'],
    ['its start', { sequence_start: true }, /^parameter "sequence_start": .*; send the state as inputs/, 'unsupported'],
  ] as readonly (readonly [string, Readonly<Record<string, ParameterValue>>, RegExp, ErrorKind?])[]) {
    it(`are refused with ${what}`, () =>
      assert.throws(
        () => read(parameters),
        (error) => error instanceof ServingError && error.kind === kind && text.test(error.message),
      ));
  }
});
