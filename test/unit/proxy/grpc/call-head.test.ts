/** Reading a call's headers, unusual forms included. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { Callers } from '../../../../src/proxy/caller.ts';
import { CallHead } from '../../../../src/proxy/grpc/call-head.ts';
import { NOT_GRPC, NOT_POST } from '../../../../src/proxy/grpc/refuse-request.ts';
import { HeaderField } from '../../../../src/proxy/http2/hpack/header-field.ts';
import { readRequestHeaders } from '../../../../src/proxy/http2/streams/request-headers.ts';

function headOf(fields: readonly (readonly [string, string])[], method = 'POST', callers = new Callers()): CallHead {
  const list = [
    new HeaderField(':method', method),
    new HeaderField(':scheme', 'http'),
    new HeaderField(':path', '/t.T/M'),
    ...fields.map(([name, value]) => new HeaderField(name, value)),
  ];
  return new CallHead(readRequestHeaders(list)!, undefined, new Socket(), callers);
}

const GRPC = ['content-type', 'application/grpc'] as const;

test('a request that is no gRPC call is refused by HTTP: another method, another content type', () => {
  assert.equal(headOf([GRPC]).refusal, undefined);
  assert.equal(headOf([['content-type', 'application/grpc+proto']]).refusal, undefined);
  assert.equal(headOf([['content-type', 'Application/gRPC; x=y']]).refusal, undefined);
  assert.equal(headOf([['content-type', 'application/grpc;x=y']]).refusal, undefined);
  assert.equal(headOf([]).refusal, NOT_GRPC);
  assert.equal(headOf([['content-type', 'application/grpc-web']]).refusal, NOT_GRPC);
  assert.equal(headOf([GRPC], 'GET').refusal, NOT_POST);
});

test('a timeout is in milliseconds; a malformed one is kept as text', () => {
  assert.deepEqual([headOf([GRPC]).timeoutMs, headOf([GRPC]).badTimeout], [undefined, undefined]);
  const good = headOf([GRPC, ['grpc-timeout', '250u']]);
  assert.deepEqual([good.timeoutMs, good.badTimeout], [0.25, undefined]);
  for (const text of ['', '1', '1 S', '123456789n', 'S']) {
    const bad = headOf([GRPC, ['grpc-timeout', text]]);
    assert.deepEqual([bad.timeoutMs, bad.badTimeout], [undefined, text]);
  }
});

test('compression: identity by default, gzip accepted anywhere in the list', () => {
  assert.equal(headOf([GRPC]).encoding, 'identity');
  assert.equal(headOf([GRPC, ['grpc-encoding', 'deflate']]).encoding, 'deflate');
  for (const list of ['gzip', 'identity,gzip', 'identity, gzip , deflate', 'gzip,identity']) {
    assert.equal(headOf([GRPC, ['grpc-accept-encoding', list]]).acceptsGzip, true, list);
  }
  for (const list of ['', 'identity', 'xgzip', 'gzip2,deflate']) {
    assert.equal(headOf([GRPC, ['grpc-accept-encoding', list]]).acceptsGzip, false, list);
  }
});

test('metadata: repeated text is joined; bytes are the first value, or undefined if it is not base64', () => {
  const head = headOf([GRPC, ['a', '1'], ['b', '2'], ['a', '3']]);
  assert.deepEqual([head.metadata('a'), head.metadata('b'), head.metadata('c')], ['1,3', '2', undefined]);
  const bytes = (text: string): string | undefined => {
    const value = headOf([GRPC, ['x-bin', text]]).binaryMetadata('x-bin');
    return value === undefined ? undefined : Buffer.from(value).toString('hex');
  };
  assert.equal(bytes('q6ur'), 'ababab');
  assert.equal(bytes('q6s='), 'abab');
  assert.equal(bytes('q6s'), 'abab');
  assert.equal(bytes('-_8'), 'fbff');
  assert.equal(bytes('+/8='), 'fbff');
  assert.equal(bytes(''), '');
  assert.equal(bytes('q6ur,AAAA'), 'ababab');
  for (const text of ['q', 'q6ur*', 'q6=s', 'q6ur====', 'ü']) assert.equal(bytes(text), undefined, text);
});

test('a priority is a class, undefined, or an error', () => {
  assert.equal(headOf([GRPC]).priority, undefined);
  assert.equal(headOf([GRPC, ['x-pillion-priority', 'critical']]).priority, 0);
  assert.equal(headOf([GRPC, ['x-pillion-priority', 'Sheddable']]).priority, 2);
  const wrong = headOf([GRPC, ['x-pillion-priority', 'vip']]).priority;
  assert.ok(wrong instanceof ServingError);
  assert.equal(wrong.kind, 'invalid_request');
  assert.match(wrong.message, /x-pillion-priority is "vip"; send one of critical, default, sheddable/);
});

test('the caller is named by the header that the server was told of, else by the connection', () => {
  const fields = [GRPC, ['x-app', 'shop']] as const;
  assert.equal(headOf(fields).caller.name, 'local:1');
  assert.equal(headOf(fields, 'POST', new Callers('X-App')).caller.name, 'header:shop');
  assert.equal(headOf([GRPC], 'POST', new Callers('x-app')).caller.name, 'local:1');
  assert.equal(headOf([GRPC, ['x-app', '']], 'POST', new Callers('x-app')).caller.name, 'local:1');
});
