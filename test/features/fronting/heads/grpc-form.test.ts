/** Deadlines of fronted calls, as gRPC and others write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeoutOf } from '../../../../src/proxy/fronting/heads/deadline.ts';
import { formatGrpcTimeout, isGrpcType } from '../../../../src/proxy/fronting/heads/grpc-form.ts';
import { parseGrpcTimeout } from '../../../../src/proxy/grpc-timeout.ts';

test('a timeout is written in the finest unit with at most eight digits, rounded down', () => {
  const cases: [number, string][] = [
    [0, '0n'],
    [0.0000015, '1n'],
    [99.999999, '99999999n'],
    [100, '100000u'],
    [1234.5678, '1234567u'],
    [100_000, '100000m'],
    [99_999_999.9, '99999999m'],
    [100_000_000, '100000S'],
    [1e13, '2777777H'],
    [Infinity, '99999999H'],
  ];
  for (const [ms, text] of cases) assert.equal(formatGrpcTimeout(ms), text);
  for (let ms = 1e-6; ms < 3.6e14; ms *= 1.7) {
    const left = parseGrpcTimeout(formatGrpcTimeout(ms))!;
    assert.ok(left <= ms * (1 + 1e-12) && left >= ms * 0.998 - 1e-6, `${ms} became ${left}`);
  }
});

test('gRPC is known by its content-type; gRPC-Web is HTTP', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'Application/GRPC; x=y']) {
    assert.equal(isGrpcType(type), true);
  }
  for (const type of [undefined, 'application/grpc-web', 'application/json']) assert.equal(isGrpcType(type), false);
});

test('a call has the deadline of grpc-timeout alone, other requests the first that they name', () => {
  const head = {
    method: 'POST',
    target: '/',
    httpVersion: '2',
    hasBody: true,
    peer: 'unix',
    peerAddress: 'unix',
    isTls: false,
  };
  const headers = ['grpc-timeout', '2S', 'X-Envoy-Expected-Rq-Timeout-Ms', '250'];
  assert.equal(timeoutOf({ ...head, upgrade: undefined, headers, isGrpc: true }), 2000);
  assert.equal(timeoutOf({ ...head, upgrade: undefined, headers, isGrpc: false }), 250);
  assert.equal(timeoutOf({ ...head, upgrade: undefined, headers: ['grpc-timeout', 'soon'], isGrpc: true }), undefined);
  assert.equal(timeoutOf({ ...head, upgrade: undefined, headers: [], isGrpc: false }), undefined);
});
