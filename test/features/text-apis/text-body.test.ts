import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { atOnce } from '../../../src/core/in-slices.ts';
import {
  booleanIn,
  countIn,
  isObject,
  readBody,
  textIn,
  textsIn,
  wantedText,
  wordIn,
} from '../../../src/features/text-apis/text-body.ts';

const KEYS = ['input', 'model', 'n', 'flag'];

function read(body: string | Buffer) {
  return atOnce(readBody(Buffer.from(body), KEYS, '{"input": "…"}'));
}

function refused(run: () => unknown, text: RegExp, field?: string): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof ServingError, String(error));
    assert.equal(error.kind, 'invalid_request');
    assert.match(error.message, text);
    assert.equal(error.attributes?.['field'], field);
    return true;
  });
}

describe('the body of a request for texts', () => {
  it('has its known fields, in any order', () => {
    const fields = read('{"n": 3, "input": ["a", "\\u00e9😀"], "flag": true, "model": "m"}');
    assert.deepEqual(textsIn(fields, 'input'), ['a', 'é😀']);
    assert.equal(countIn(fields, 'n'), 3);
    assert.equal(booleanIn(fields, 'flag'), true);
    assert.equal(textIn(fields, 'model'), 'm');
  });

  it('takes null for a field that is not there', () => {
    const fields = read('{"model": null, "n": null, "flag": null}');
    assert.equal(textIn(fields, 'model'), undefined);
    assert.equal(countIn(fields, 'n'), undefined);
    assert.equal(booleanIn(fields, 'flag'), undefined);
  });

  it('reads objects in lists', () => {
    const [first] = read('{"input": [{"text": "a"}]}').get('input') as readonly never[];
    assert.ok(isObject(first!));
  });

  it('refuses a field that nobody has, and one that is there twice', () => {
    refused(() => read('{"inputs": "a"}'), /no field "inputs"; there are/, 'inputs');
    refused(() => read('{"n": 1, "n": 2}'), /twice/, 'n');
  });

  it('refuses what is no JSON, no UTF-8, or half of a character', () => {
    refused(() => read(''), /empty/);
    refused(() => read('[1]'), /no JSON object/);
    refused(() => read('{"input": "a"'), /not valid JSON/);
    refused(() => read('{"input": "a"} x'), /more text follows/);
    refused(() => read(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), /not UTF-8/);
    refused(() => read('{"input": "\\ud800"}'), /surrogate/);
  });

  it('refuses lists that are too deep', () => {
    refused(() => read('{"input": [[[[["a"]]]]]}'), /deeper/);
    refused(() => read(`{"input": ${'['.repeat(100_000)}`), /deeper/);
  });

  it('refuses fields of another type', () => {
    const fields = read('{"input": ["a", 1], "model": 1, "n": 0.5, "flag": "yes"}');
    refused(() => textsIn(fields, 'input'), /list of strings/, 'input');
    refused(() => textIn(fields, 'model'), /no string/, 'model');
    refused(() => countIn(fields, 'n'), /whole number/, 'n');
    refused(() => booleanIn(fields, 'flag'), /true or false/, 'flag');
    refused(() => wordIn(fields, 'flag', ['no']), /one of/, 'flag');
    refused(() => textsIn(read('{"input": []}'), 'input'), /one or more/, 'input');
    refused(() => wantedText(read('{}'), 'model'), /missing/, 'model');
  });
});
