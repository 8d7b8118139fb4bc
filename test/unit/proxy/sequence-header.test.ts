import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { ownerOf } from '../../../src/proxy/caller.ts';
import { readSequenceStep } from '../../../src/proxy/sequence-header.ts';

const read = (id?: string, step?: string) => readSequenceStep((name) => (name === 'x-pillion-sequence-id' ? id : step));

test('two headers name a sequence and the step in it', () => {
  assert.equal(read(), undefined);
  assert.equal(read(undefined, 'start'), undefined);
  assert.deepEqual(read('call-7'), { id: 'call-7', start: false, end: false });
  assert.deepEqual(read(' call-7 ', 'Start'), { id: 'call-7', start: true, end: false });
  assert.deepEqual(read('7', 'end'), { id: '7', start: false, end: true });
  assert.deepEqual(read('7', 'end, start'), { id: '7', start: true, end: true });
  assert.deepEqual(read('7', ''), { id: '7', start: false, end: false });
});

test('an id that is empty or too long, and an unknown word, are refused with what to send', () => {
  for (const [id, step, pattern] of [
    ['', undefined, /sequence-id is empty; send 1 to 128/],
    ['x'.repeat(129), undefined, /has 129 characters/],
    ['7', 'begin', /x-pillion-sequence-step is "begin"; send start, end, both/],
  ] as const) {
    const error = read(id, step);
    assert.ok(error instanceof ServingError);
    assert.equal(error.kind, 'invalid_request');
    assert.match(error.message, pattern);
  }
});

test('local connections are one owner, others are their callers', () => {
  assert.equal(ownerOf('local:1'), ownerOf('local:2'));
  assert.notEqual(ownerOf('local:1'), ownerOf('header:local:1'));
  assert.equal(ownerOf('tls:spiffe://a/b'), 'tls:spiffe://a/b');
});
