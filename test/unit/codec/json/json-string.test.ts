import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { decodeBase64 } from '../../../../src/codec/json/json-string.ts';

const decode = (text: string): string | undefined => decodeBase64(Buffer.from(text, 'latin1'))?.toString('latin1');

test('the standard alphabet, with and without padding', () => {
  assert.equal(decode(''), '');
  assert.equal(decode('aGk='), 'hi');
  assert.equal(decode('aGk'), 'hi');
  assert.equal(decode('aA=='), 'h');
  assert.equal(decode('aA'), 'h');
  assert.equal(decode('/+8='), '\xff\xef');
});

test('white space anywhere is ignored', () => {
  assert.equal(decode(' aG\nk\r\n=\t'), 'hi');
  assert.equal(decode(' \n '), '');
});

test('the url-safe alphabet, other characters and wrong padding are refused', () => {
  for (const text of ['a_Gk', 'a-Gk', 'aGk!', 'aG=k', 'aGk==', 'aGkx=', 'aA=', 'a', 'aGkxa', '=', 'aGk=x', '\xe9Gkx']) {
    assert.equal(decode(text), undefined, text);
  }
});
