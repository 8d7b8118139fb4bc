import assert from 'node:assert/strict';
import { readInputs } from '../../../src/codec/json/json-inputs.ts';
import { PredictBodyScanner } from '../../../src/codec/json/predict-body.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { elementCount } from '../../../src/core/shape.ts';
import { inputsOf } from '../../support/json-bodies.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

const scanner = new PredictBodyScanner();
const SIGNATURES = [inputsOf({ x: 'float64' }), inputsOf({ x: 'string' }), inputsOf({ x: 'int64', y: 'bool' })];

/**
 * Not compared, because we mean to differ: NaN and Infinity (taken), numbers too large for a double and halves of
 * surrogate pairs (refused). Bytes that are no UTF-8 become U+FFFD for JSON.parse alone.
 */
const MEANT_TO_DIFFER = /N|I|[eE]\+?\d{3}|\d{300}|\\u[dD][89a-fA-F]|\ufffd/;

export const target: FuzzTarget = {
  says: 'Predict bodies in JSON; the same texts are JSON as for JSON.parse',
  maxBytes: 512,
  words: [
    '{"instances":',
    '{"inputs":',
    '"signature_name":',
    '"x"',
    '[[',
    ']]',
    '{"b64":"',
    '1e308',
    '-0.0',
    '\\u0041',
    'true',
    'null',
    'NaN',
    '-Infinity',
    ',',
  ],
  seeds: [
    '{"instances":[[1,2.5],[3,-4e2]]}',
    '{"inputs":{"x":["a",{"b64":"YQ=="}]}}',
    '{"signature_name":"s","instances":[{"x":1,"y":true}]}',
  ],
  run(bytes) {
    const text = bytes.toString();
    for (const signature of SIGNATURES) {
      const read = orRefusal(() => {
        const tensors = readInputs(scanner, scanner.scan(bytes), signature);
        for (const { shape, data } of tensors.values()) {
          assert.ok(elementCount(shape) <= bytes.length, `${data.length} elements`);
        }
      });
      scanner.release();
      // What is no object is refused before its syntax is known.
      if (MEANT_TO_DIFFER.test(text) || !/^\s*\{/.test(text)) continue;
      if (!isJson(text)) assert.ok(read instanceof ServingError, `no JSON, but taken: ${text}`);
      else if (read instanceof ServingError)
        assert.doesNotMatch(read.message, /not valid JSON|more text follows/, text);
    }
  },
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
