import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Shape } from '../../../../src/core/shape.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import { numericTensor } from '../../../../src/core/tensor.ts';
import { checkInputs } from '../../../../src/proxy/handlers/check-inputs.ts';
import { echoSignature } from '../../../support/scheduler-harness.ts';

const MODEL = { name: 'm', version: 1n, signatureName: 's' };

function wants(shape: Shape): Signature {
  return {
    ...echoSignature({ kind: 'dynamic' }),
    inputs: new Map([['x', { dtype: 'float32', shape, tensorName: 'x' }]]),
  };
}

function inputOf(shape: Shape): ReadonlyMap<string, ReturnType<typeof numericTensor>> {
  return new Map([['x', numericTensor('float32', shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))]]);
}

function refusal(sent: Shape, declared: Shape): string {
  try {
    checkInputs(MODEL, wants(declared), inputOf(sent));
  } catch (error) {
    assert.ok(error instanceof ServingError);
    assert.equal(error.kind, 'invalid_request');
    return error.message;
  }
  throw new Error('it was accepted');
}

describe('the advice for a wrong shape', () => {
  const CASES: readonly (readonly [sent: Shape, declared: Shape, advice: RegExp])[] = [
    [[3], [-1, 1], /has shape \[3\].*wants \[\?,1\]; wrap each value in a list of its own, which makes it \[3,1\]$/],
    [[1], [-1, 1], /which makes it \[1,1\]$/],
    [[3], [-1, -1], /add the batch dimension in front: \[1,3\]$/],
    [[4], [-1, 4], /add the batch dimension in front: \[1,4\]$/],
    [[2, 5], [-1, 4], /send 4 elements a row, not 5$/],
    [[2, 1, 4], [-1, 4], /reshape it/],
    [[], [-1, 4], /reshape it/],
    [
      [1, 320, 320, 3],
      [-1, 3, -1, -1],
      /channels are last and the model wants them first: transpose it to \[1,3,320,320\]$/,
    ],
    [[320, 320, 3], [-1, 3, 320, 320], /channels are last.* \[1,3,320,320\]$/],
    [[2, 3, 8, 9], [-1, 8, 9, 3], /channels are first and the model wants them last: transpose it to \[2,8,9,3\]$/],
    [[1, 5, 8, 8], [-1, 3, -1, -1], /reshape it/],
  ];
  for (const [sent, declared, advice] of CASES) {
    it(`[${sent}] where [${declared}] is declared: ${advice.source}`, () => {
      assert.match(refusal(sent, declared), advice);
    });
  }

  it('goes to a judge that may let it pass, dtype and name errors do not', () => {
    const seen: string[] = [];
    const judge = { onOddShape: (error: ServingError) => seen.push(error.message) };
    const inputs = inputOf([3]);
    assert.equal(checkInputs(MODEL, wants([-1, 1]), inputs, judge), inputs);
    assert.equal(seen.length, 1);
    assert.match(seen[0]!, /has shape \[3\]/);
    const int32 = new Map([['x', numericTensor('int32', [3], new Int32Array(3))]]);
    assert.throws(() => checkInputs(MODEL, wants([-1, 1]), int32, judge), /is int32/);
    assert.throws(() => checkInputs(MODEL, wants([-1, 1]), new Map(), judge), /missing: "x"/);
  });
});

describe('booleans', () => {
  const bools: Signature = {
    ...echoSignature({ kind: 'dynamic' }),
    inputs: new Map([['x', { dtype: 'bool', shape: [-1], tensorName: 'x' }]]),
  };
  const check = (bytes: Uint8Array): unknown =>
    checkInputs(MODEL, bools, new Map([['x', { dtype: 'bool', shape: [bytes.length], data: bytes }]]));

  it('are 0 and 1, wherever another byte stands', () => {
    for (const length of [0, 1, 3, 4, 9, 1000]) {
      const bytes = Uint8Array.from({ length: length + 1 }, (_, i) => i & 1).subarray(1);
      check(bytes);
      for (const at of new Set([0, length >> 1, length - 1])) {
        if (at < 0 || length === 0) continue;
        for (const byte of [2, 128, 255]) {
          const other = bytes.with(at, byte);
          assert.throws(() => check(other), new RegExp(`element ${at}, has the byte ${byte}, but a boolean is 0 or 1`));
        }
      }
    }
  });
});
