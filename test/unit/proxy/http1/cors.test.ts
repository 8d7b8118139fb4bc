import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CORS_HEADERS, preflightHeaders } from '../../../../src/proxy/http1/cors.ts';

const headerIn = (list: readonly string[], name: string): string | undefined => {
  const at = list.findIndex((text, i) => i % 2 === 0 && text === name);
  return at === -1 ? undefined : list[at + 1];
};

test('a preflight allows the headers that it asks for, if they are header names', () => {
  const allowed = (wanted: string | undefined): string | undefined =>
    headerIn(
      preflightHeaders({
        'access-control-request-method': 'POST',
        ...(wanted !== undefined && { 'access-control-request-headers': wanted }),
      }),
      'access-control-allow-headers',
    );
  assert.equal(allowed('content-type,x-request-id, traceparent'), 'content-type,x-request-id, traceparent');
  for (const other of [undefined, '', 'a,,b', 'a b', 'a: b', 'ä', `${'a,'.repeat(2000)}a`]) {
    assert.equal(allowed(other), 'Content-Type', other);
  }
});

test('OPTIONS that is no preflight gets the headers of every answer', () => {
  assert.equal(preflightHeaders({ origin: 'http://a.example' }), CORS_HEADERS);
  assert.equal(headerIn(CORS_HEADERS, 'access-control-allow-origin'), '*');
  assert.equal(headerIn(CORS_HEADERS, 'access-control-allow-methods'), 'POST, GET');
  assert.equal(headerIn(CORS_HEADERS, 'access-control-allow-credentials'), undefined);
});
