import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { InferBodyReader } from '../../../src/codec/open-inference/rest/infer-body-reader.ts';
import { ServingError } from '../../../src/core/errors.ts';
import type { StringTensor } from '../../../src/core/tensor.ts';
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

  it('has names and texts byte by byte, also those that are no UTF-8', () => {
    const specs = new Map([['\u00e9', spec('string', [-1])]]);
    const body = Buffer.concat([Buffer.from('{"\u00e9": "'), Buffer.of(0xff), Buffer.from('\u20ac", "\u00fc": 1}')]);
    const sent = new InferBodyReader().read(inferBody(body, specs), undefined, 2 ** 20);
    const { data } = sent.inputs.get('\u00e9') as StringTensor;
    assert.deepEqual(
      data.map((each) => Buffer.from(each)),
      [Buffer.of(0xff, 0xe2, 0x82, 0xac)],
    );
    assert.deepEqual([...sent.parameters], [['\u00fc', 1]]);
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
