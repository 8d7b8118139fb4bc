/** Heads between HTTP/1.1's form and HTTP/2's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  fieldsOfAnswer,
  fieldsOfTrailers,
  nodeRequestHeaders,
  rawOfAnswer,
  rawOfRequest,
} from '../../../../src/proxy/fronting/heads/http2-headers.ts';
import { asUpgrade, tunnelHead } from '../../../../src/proxy/fronting/http2-tunnel.ts';
import { HeaderField } from '../../../../src/proxy/http2/hpack/header-field.ts';
import { readRequestHeaders } from '../../../../src/proxy/http2/streams/request-headers.ts';

function request(...fields: [name: string, value: string][]): readonly string[] {
  const pseudo: [string, string][] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
  ];
  const list = [...pseudo, ...fields].map(([name, value]) => new HeaderField(name, value));
  return rawOfRequest(readRequestHeaders(list)!);
}

test('a request of HTTP/2 gets a host, one cookie and one length', () => {
  assert.deepEqual(
    request([':authority', 'a:1'], ['host', 'a:1'], ['cookie', 'x=1'], ['x-y', 'z'], ['cookie', 'y=2']),
    ['host', 'a:1', 'x-y', 'z', 'cookie', 'x=1; y=2'],
  );
  assert.deepEqual(request(['host', 'b'], ['content-length', '03'], ['content-length', '3']), [
    ...['host', 'b', 'content-length', '3'],
  ]);
  assert.deepEqual(request(['x-y', 'z']), ['x-y', 'z']);
});

test('a request for HTTP/2 loses what is of the connection, and its names are in lower case', () => {
  const raw = [
    ...['Host', 'shop', 'Connection', 'X-Hop, te', 'X-Hop', '1', 'TE', 'trailers, deflate', 'Keep-Alive', '5'],
    ...['Transfer-Encoding', 'chunked', 'Upgrade', 'x', 'X-Two', 'a', 'x-two', 'b', '__proto__', 'p'],
  ];
  const known = { method: 'POST', path: '/p', headers: raw, hasBody: true, upgrade: undefined, isTls: true };
  assert.deepEqual(Object.entries(nodeRequestHeaders(known, 'default')), [
    [':method', 'POST'],
    [':scheme', 'https'],
    [':authority', 'shop'],
    [':path', '/p'],
    ['x-two', ['a', 'b']],
    ['__proto__', 'p'],
    ['te', 'trailers'],
  ]);
  const bare = nodeRequestHeaders({ ...known, headers: [], isTls: false }, 'default');
  assert.deepEqual([bare[':authority'], bare[':scheme'], bare['te']], ['default', 'http', undefined]);
});

test('an answer for HTTP/2 loses what is of the connection; 1xx has no via', () => {
  const raw = [
    'Connection',
    'x-hop',
    'X-Hop',
    '1',
    'Transfer-Encoding',
    'chunked',
    'Set-Cookie',
    'a',
    'Set-Cookie',
    'b',
  ];
  const kept = [
    ['set-cookie', 'a'],
    ['set-cookie', 'b'],
  ];
  assert.deepEqual(fieldsOfAnswer(200, raw, '1.1'), [[':status', '200'], ...kept, ['via', '1.1 pillion']]);
  assert.deepEqual(fieldsOfAnswer(103, raw, undefined), [[':status', '103'], ...kept]);
});

test('trailers lose what would change how the message is read', () => {
  assert.deepEqual(fieldsOfTrailers(['Grpc-Status', '5', 'Content-Length', '3', 'Connection', 'close']), [
    ['grpc-status', '5'],
  ]);
});

test('an answer of HTTP/2 has no pseudo-headers any more', () => {
  assert.deepEqual(rawOfAnswer([':status', '200', 'a', 'b', 'a', 'c']), ['a', 'b', 'a', 'c']);
});

test('a tunnel has a key in HTTP/1.1 alone, and its proof', () => {
  const head = {
    ...{
      method: 'CONNECT',
      target: '/',
      headers: ['host', 'a'],
      httpVersion: '2',
      hasBody: true,
      peer: 'unix',
      peerAddress: 'unix',
    },
    ...{ isTls: false, isGrpc: false, upgrade: 'websocket' },
  };
  const asked = asUpgrade(head);
  assert.deepEqual([asked.method, asked.hasBody, asked.headers[2]], ['GET', false, 'sec-websocket-key']);
  assert.equal(Buffer.from(asked.headers[3]!, 'base64').length, 16);
  assert.equal(asUpgrade({ ...head, upgrade: undefined }).method, 'CONNECT');
  // The example of RFC 6455, 1.3.
  const answer = { status: 200, reason: '', headers: ['a', 'b'], httpVersion: '2', isAll: false };
  const headers = ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='];
  const request = { method: 'GET', path: '/', headers, hasBody: false, upgrade: 'websocket', isTls: false };
  const { status, headers: told } = tunnelHead(answer, request);
  assert.equal(status, 101);
  assert.deepEqual(told, ['a', 'b', 'upgrade', 'websocket', 'sec-websocket-accept', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
});
