/** What is sent on of a request's headers, and of an answer's. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { answerHeaders, type RequestFacts, requestHeaders } from '../../../../src/proxy/fronting/heads/app-headers.ts';
import { fieldsOf, trailersOf } from '../../../../src/proxy/fronting/heads/hop-headers.ts';

const FACTS: RequestFacts = {
  httpVersion: '1.1',
  peer: '192.0.2.7',
  isTls: false,
  isTrusted: false,
  told: undefined,
  certificate: undefined,
  id: 'made',
  traceNames: new Set(['traceparent', 'tracestate']),
  traceHeaders: undefined,
  hasTrace: false,
  leftMs: undefined,
  authority: undefined,
  defaultHost: 'app',
  upgrade: undefined,
  hasBody: false,
  method: 'GET',
};

/** Values by lower-case name, of a name that comes twice joined. */
function sent(raw: readonly string[], facts: Partial<RequestFacts> = {}): Record<string, string> {
  return byName(requestHeaders(raw, { ...FACTS, ...facts }));
}

function byName(raw: readonly string[]): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, , value] of fieldsOf(raw)) all[name] = name in all ? `${all[name]} | ${value}` : value;
  return all;
}

describe('requests', () => {
  test('end to end headers keep order, spelling and repetition', () => {
    const raw = ['Host', 'a', 'X-B', '1', 'x-a', '2', 'X-B', '3', 'Cookie', 'c=\xe9'];
    assert.deepEqual(requestHeaders(raw, FACTS).slice(0, raw.length), raw);
  });

  test('hop-by-hop headers end here, and what connection names', () => {
    const raw = [
      ...[
        'Host',
        'a',
        'Connection',
        'X-Mine, close',
        'connection',
        'keep-alive',
        'X-Mine',
        '1',
        'Keep-Alive',
        'timeout=5',
      ],
      ...['Proxy-Connection', 'x', 'Proxy-Authorization', 'x', 'TE', 'gzip', 'Upgrade', 'h2c', 'HTTP2-Settings', 'x'],
    ];
    const names = Object.keys(sent(raw)).sort();
    assert.deepEqual(names, [
      'host',
      'via',
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-request-id',
    ]);
  });

  test('connection cannot take out the host or the length', () => {
    const raw = ['Host', 'a', 'Connection', 'host, content-length', 'Content-Length', '3'];
    const headers = sent(raw, { hasBody: true, method: 'POST' });
    assert.equal(headers['host'], 'a');
    assert.equal(headers['content-length'], '3');
  });

  test('te: trailers is asked again, of this connection', () => {
    const headers = sent(['Host', 'a', 'TE', 'trailers, deflate;q=0.5', 'Connection', 'TE']);
    assert.equal(headers['te'], 'trailers');
    assert.equal(headers['connection'], 'te');
  });

  test('this server is the last of via', () => {
    assert.equal(sent(['Host', 'a'])['via'], '1.1 pillion');
    assert.equal(
      sent(['Host', 'a', 'Via', '1.0 x', 'via', '1.1 y'], { httpVersion: '1.0' })['via'],
      '1.0 x, 1.1 y, 1.0 pillion',
    );
  });

  test('what an untrusted client says of proxies is replaced', () => {
    const headers = sent([
      ...['Host', 'a', 'X-Forwarded-For', '10.0.0.1', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'evil'],
      ...['Forwarded', 'for=10.0.0.1', 'X-Real-IP', '10.0.0.1', 'X-Forwarded-Client-Cert', 'Hash=1'],
    ]);
    assert.equal(headers['x-forwarded-for'], '192.0.2.7');
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.equal(headers['x-forwarded-host'], 'a');
    for (const name of ['forwarded', 'x-real-ip', 'x-forwarded-client-cert']) assert.ok(!(name in headers), name);
    assert.equal(sent(['Host', 'a'], { peer: '::ffff:192.0.2.7' })['x-forwarded-for'], '192.0.2.7');
    assert.equal(sent(['Host', 'a'], { peer: '2001:db8::1' })['x-forwarded-for'], '2001:db8::1');
  });

  test('a trusted proxy is added to', () => {
    const raw = ['Host', 'a', 'X-Forwarded-For', '10.0.0.1', 'X-Forwarded-Proto', 'https', 'Forwarded', 'for=10.0.0.1'];
    const told = { address: '10.0.0.1', scheme: 'https', hops: '10.0.0.1', isForwardedSound: true };
    const headers = sent(raw, { isTrusted: true, told });
    assert.equal(headers['x-forwarded-for'], '10.0.0.1, 192.0.2.7');
    assert.equal(headers['x-forwarded-proto'], 'https');
    assert.equal(headers['x-forwarded-host'], 'a');
    assert.equal(headers['forwarded'], 'for=10.0.0.1');
  });

  test('what a client made up on its way through a trusted proxy does not pass', () => {
    const raw = [
      ...['Host', 'a', 'X-Forwarded-For', '6.6.6.6, 10.0.0.1', 'X-Forwarded-Proto', 'https, http'],
      ...['Forwarded', 'for=6.6.6.6', 'X-Forwarded-Port', '443'],
    ];
    const told = { address: '10.0.0.1', scheme: 'http', hops: '10.0.0.1', isForwardedSound: false };
    const headers = sent(raw, { isTrusted: true, told, isTls: true });
    assert.equal(headers['x-forwarded-for'], '10.0.0.1, 192.0.2.7');
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.equal(headers['forwarded'], undefined);
    assert.equal(headers['x-forwarded-port'], '443');
  });

  test('a certificate is told behind those of a trusted proxy, and in place of any other', () => {
    const raw = ['Host', 'a', 'X-Forwarded-Client-Cert', 'Hash=1'];
    assert.equal(sent(raw, { certificate: 'Hash=2' })['x-forwarded-client-cert'], 'Hash=2');
    assert.equal(sent(raw, { certificate: 'Hash=2', isTrusted: true })['x-forwarded-client-cert'], 'Hash=1,Hash=2');
    assert.equal(sent(raw, { isTrusted: true })['x-forwarded-client-cert'], 'Hash=1');
    assert.equal(sent(raw)['x-forwarded-client-cert'], undefined);
    assert.equal(
      sent(['X_Forwarded_Client_Cert', 'Hash=1'], { isTrusted: true })['x_forwarded_client_cert'],
      undefined,
    );
  });

  test('an id is kept or made', () => {
    assert.equal(sent(['Host', 'a', 'X-Request-Id', 'mine'])['x-request-id'], 'mine');
    assert.equal(sent(['Host', 'a'])['x-request-id'], 'made');
  });

  test('a trace is passed on; where this server makes spans, its own is the parent, in the same trace', () => {
    const raw = ['Host', 'a', 'traceparent', 'x', 'tracestate', 'a=b'];
    const kept = sent(raw, { hasTrace: true });
    assert.deepEqual([kept['traceparent'], kept['tracestate']], ['x', 'a=b']);
    const ours = sent(raw, { hasTrace: true, traceHeaders: { traceparent: 'ours', tracestate: 'a=b' } });
    assert.deepEqual([ours['traceparent'], ours['tracestate']], ['ours', 'a=b']);
    const made = sent(raw, { traceHeaders: { traceparent: 'new' } });
    assert.deepEqual([made['traceparent'], made['tracestate']], ['new', undefined]);
    assert.equal(sent(raw)['traceparent'], undefined);
  });

  test('what is left of the deadline replaces what there was', () => {
    const raw = ['Host', 'a', 'X-Envoy-Expected-Rq-Timeout-Ms', '500'];
    assert.equal(sent(raw, { leftMs: 450 })['x-envoy-expected-rq-timeout-ms'], '450');
    assert.equal(sent(raw)['x-envoy-expected-rq-timeout-ms'], '500');
  });

  test('a body without a length is chunked; no body of a POST has a length of 0', () => {
    assert.equal(sent(['Host', 'a'], { hasBody: true, method: 'POST' })['transfer-encoding'], 'chunked');
    assert.equal(sent(['Host', 'a'], { method: 'POST' })['content-length'], '0');
    assert.equal(sent(['Host', 'a'])['content-length'], undefined);
  });

  test('the authority of a target that is a URL is the host', () => {
    assert.equal(sent(['Host', 'a'], { authority: 'b:1' })['host'], 'b:1');
  });

  test('a request without a host gets the application’s', () => {
    assert.equal(sent(['X-A', '1'])['host'], 'app');
  });

  test('an upgrade is asked for of this connection', () => {
    const headers = sent(['Host', 'a', 'Connection', 'Upgrade', 'Upgrade', 'websocket'], { upgrade: 'websocket' });
    assert.deepEqual([headers['connection'], headers['upgrade']], ['upgrade', 'websocket']);
  });
});

test('answers lose what is of the connection, and have this server in via', () => {
  const raw = [
    'X-A',
    '1',
    'Connection',
    'close, x-b',
    'X-B',
    '2',
    'Transfer-Encoding',
    'chunked',
    'Set-Cookie',
    'a',
    'Set-Cookie',
    'b',
  ];
  assert.deepEqual(byName(answerHeaders(raw, '1.1')), { 'x-a': '1', 'set-cookie': 'a | b', via: '1.1 pillion' });
});

test('trailers that would change how a message is read are left out', () => {
  const raw = ['grpc-status', '13', 'Content-Length', '3', 'Transfer-Encoding', 'chunked', 'Host', 'x', 'x-sum', 'a'];
  assert.deepEqual(trailersOf(raw), [
    ['grpc-status', '13'],
    ['x-sum', 'a'],
  ]);
});
