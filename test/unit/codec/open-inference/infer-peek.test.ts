import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { peekAtInfer } from '../../../../src/codec/open-inference/infer-peek.ts';
import { bytesField } from '../../../support/wire-fragments.ts';

describe('a peek at a ModelInferRequest', () => {
  const head = Buffer.concat([bytesField(1, 'm'), bytesField(2, '3'), bytesField(3, 'id')]);

  it('finds the model and its version, and steps over the tensors', () => {
    const message = Buffer.concat([head, bytesField(5, 'what cannot be read'), bytesField(7, Buffer.alloc(1000))]);
    assert.deepEqual(peekAtInfer(message), { name: 'm', version: '3' });
  });

  it('leaves a request alone that has parameters, many fields, or is broken', () => {
    assert.equal(peekAtInfer(Buffer.concat([head, bytesField(4, '')])), undefined);
    assert.equal(peekAtInfer(Buffer.concat([head, ...Array<Buffer>(100).fill(bytesField(5, ''))])), undefined);
    assert.equal(peekAtInfer(Buffer.concat([head, Buffer.of(42, 9)])), undefined);
  });
});
