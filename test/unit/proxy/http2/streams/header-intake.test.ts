import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { HeaderField } from '../../../../../src/proxy/http2/hpack/header-field.ts';
import { HeaderMemo } from '../../../../../src/proxy/http2/streams/header-intake.ts';
import { type RequestHeaders, readRequestHeaders } from '../../../../../src/proxy/http2/streams/request-headers.ts';
import { POST } from '../../../../support/http2-frames.ts';

const someHeaders = (): RequestHeaders =>
  readRequestHeaders(POST.map(([name, value]) => new HeaderField(name, value)))!;
const block = (text: string): Buffer => Buffer.from(text);

test('finds a block by its bytes, wherever they lie', () => {
  const memo = new HeaderMemo();
  const headers = someHeaders();
  memo.add(0, block('..abc..'), 2, 5, headers);
  assert.equal(memo.find(0, block('abc'), 0, 3), headers);
  assert.equal(memo.find(0, block('xxabcx'), 2, 5), headers);
  assert.equal(memo.find(0, block('abd'), 0, 3), undefined);
  assert.equal(memo.find(0, block('ab'), 0, 2), undefined);
});

test('keeps a copy: the buffer may be used again', () => {
  const memo = new HeaderMemo();
  const headers = someHeaders();
  const bytes = block('abc');
  memo.add(0, bytes, 0, 3, headers);
  bytes.fill(0);
  assert.equal(memo.find(0, block('abc'), 0, 3), headers);
});

test('a change of the table makes it forget', () => {
  const memo = new HeaderMemo();
  memo.add(1, block('abc'), 0, 3, someHeaders());
  assert.equal(memo.find(2, block('abc'), 0, 3), undefined);
  memo.add(2, block('def'), 0, 3, someHeaders());
  assert.equal(memo.find(2, block('abc'), 0, 3), undefined);
});

test('holds a few blocks, the latest, and no long ones', () => {
  const memo = new HeaderMemo();
  for (let i = 0; i < 100; i++) memo.add(0, block(`block ${i}`), 0, `block ${i}`.length, someHeaders());
  assert.equal(memo.find(0, block('block 50'), 0, 8), undefined);
  assert.notEqual(memo.find(0, block('block 99'), 0, 8), undefined);
  memo.add(0, Buffer.alloc(4000), 0, 4000, someHeaders());
  assert.equal(memo.find(0, Buffer.alloc(4000), 0, 4000), undefined);
});
