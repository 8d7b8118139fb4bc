import assert from 'node:assert/strict';
import { ExamplesBodyReader } from '../../../src/codec/json/json-examples.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { decode } from '../../support/proto-registry.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

const reader = new ExamplesBodyReader(1 << 20);

export const target: FuzzTarget = {
  says: 'Classify and Regress bodies in JSON; what they become is tf.Examples for another reader too',
  maxBytes: 512,
  words: [
    '{"examples":[',
    '"context":',
    '"signature_name":',
    '{"f":',
    '[1,2]',
    '"a"',
    '{"b64":"',
    '1.5',
    'true',
    'null',
    '}]}',
  ],
  seeds: ['{"context":{"c":1},"examples":[{"f":[1.5,2],"s":"a"},{"s":{"b64":"YQ=="}}]}'],
  run(bytes) {
    const read = orRefusal(() => reader.read(bytes, 'classify'));
    if (read instanceof ServingError) return;
    for (const example of read.examples) assert.ok(decode('tensorflow.Example', example));
  },
};
