import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { inferBody } from '../../../src/features/generate/generate-body.ts';
import { spec } from '../../support/puppet-models.ts';

const SPECS = new Map([
  ['text', spec('string', [-1, 1])],
  ['n', spec('int64', [-1, -1, 2])],
]);

const read = (body: string): unknown => JSON.parse(inferBody(Buffer.from(body), SPECS).toString());

describe('the body of a generate request', () => {
  it('has inputs by their names, in the shapes that the model says', () => {
    assert.deepEqual(read('{"text": "hi", "n": [1, 2, 3, 4]}'), {
      parameters: {},
      inputs: [
        { name: 'text', datatype: 'BYTES', shape: [1, 1], data: ['hi'] },
        { name: 'n', datatype: 'INT64', shape: [1, 2, 2], data: [1, 2, 3, 4] },
      ],
    });
  });

  it('has parameters in all other keys', () => {
    const body = '{"id": "7", "top_k": 3, "parameters": {"a": "b", "c": true}, "none": null, "text": ["a", "b"]}';
    assert.deepEqual(read(body), {
      id: '7',
      parameters: { top_k: 3, a: 'b', c: true },
      inputs: [{ name: 'text', datatype: 'BYTES', shape: [2, 1], data: ['a', 'b'] }],
    });
  });

  it('is refused where it cannot be an input, or is no object', () => {
    const refusal = (kind: string, text: RegExp) => (error: unknown) =>
      error instanceof ServingError && error.kind === kind && text.test(error.message);
    assert.throws(() => read('{"n": [1, 2, 3]}'), refusal('invalid_request', /"n" has 3 elements, which/));
    assert.throws(() => read('["text"]'), refusal('invalid_request', /object/));
    assert.throws(() => read('{"parameters": 3}'), refusal('invalid_request', /'parameters'/));
    assert.throws(() => read('{"text": "a"} x'), refusal('invalid_request', /JSON/));
    assert.throws(
      () => read(`{"text": "${'a'.repeat(2 ** 20)}"}`),
      refusal('too_large', /send larger inputs to infer/),
    );
  });
});
