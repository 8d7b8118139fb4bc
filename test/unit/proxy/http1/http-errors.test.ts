import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorBody, parserErrorResponse } from '../../../../src/proxy/http1/http-errors.ts';

test('a body is the text under "error"', () => {
  assert.equal(errorBody('no "x" in é').toString('utf8'), '{"error":"no \\"x\\" in é"}');
});

test('a parser error gets a whole response', () => {
  for (const [code, status] of [
    ['HPE_HEADER_OVERFLOW', 431],
    ['ERR_HTTP_REQUEST_TIMEOUT', 408],
    ['HPE_INVALID_METHOD', 400],
    [undefined, 400],
  ] as const) {
    const [head, body] = parserErrorResponse(code).split('\r\n\r\n') as [string, string];
    assert.ok(head.startsWith(`HTTP/1.1 ${status} `));
    assert.match(head, /\r\nconnection: close/);
    assert.match(head, new RegExp(`\r\ncontent-length: ${body.length}$`));
    assert.equal(typeof (JSON.parse(body) as { error: string }).error, 'string');
  }
});
