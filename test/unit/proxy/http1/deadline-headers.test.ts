import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { clientTimeout } from '../../../../src/proxy/http1/deadline-headers.ts';

test('no header, no timeout', () => {
  assert.equal(clientTimeout({}), undefined);
});

test('each header has its own unit', () => {
  assert.equal(clientTimeout({ 'x-envoy-expected-rq-timeout-ms': '250' }), 250);
  assert.equal(clientTimeout({ 'grpc-timeout': '250m' }), 250);
  assert.equal(clientTimeout({ 'grpc-timeout': '3S' }), 3000);
  assert.equal(clientTimeout({ 'request-timeout': '2' }), 2000);
  assert.equal(clientTimeout({ 'request-timeout': '0.25' }), 250);
  assert.equal(clientTimeout({ 'request-timeout': '.5' }), 500);
  assert.equal(clientTimeout({ 'request-timeout': '1.' }), 1000);
});

test('the first of the three counts', () => {
  const all = { 'request-timeout': '3', 'grpc-timeout': '2S', 'x-envoy-expected-rq-timeout-ms': '1000' };
  assert.equal(clientTimeout(all), 1000);
  assert.equal(clientTimeout({ 'request-timeout': '3', 'grpc-timeout': '2S' }), 2000);
});

test('a malformed header is an error that names it and the form', () => {
  const table: readonly [string, string][] = [
    ['x-envoy-expected-rq-timeout-ms', '1.5'],
    ['x-envoy-expected-rq-timeout-ms', '-1'],
    ['x-envoy-expected-rq-timeout-ms', '100, 200'],
    ['grpc-timeout', '5s'],
    ['request-timeout', 'soon'],
    ['request-timeout', '1e3'],
    ['request-timeout', '.'],
    ['request-timeout', ''],
  ];
  for (const [name, value] of table) {
    const error = clientTimeout({ [name]: value });
    assert.ok(error instanceof ServingError, `${name}: ${value}`);
    assert.equal(error.kind, 'invalid_request');
    assert.match(error.message, new RegExp(`^the header ${name} is .*; send .*e\\.g\\.`));
  }
});
