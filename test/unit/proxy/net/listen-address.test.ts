import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHostPort, ListenError, parseListenAddress } from '../../../../src/proxy/net/listen-address.ts';

test('hosts, IPv6 in brackets and socket paths', () => {
  assert.deepEqual(parseListenAddress('0.0.0.0:8500'), { kind: 'tcp', host: '0.0.0.0', port: 8500 });
  assert.deepEqual(parseListenAddress('[::]:0'), { kind: 'tcp', host: '::', port: 0 });
  assert.deepEqual(parseListenAddress('localhost:65535'), { kind: 'tcp', host: 'localhost', port: 65535 });
  assert.deepEqual(parseListenAddress('unix:/run/a.sock'), { kind: 'unix', path: '/run/a.sock' });
  assert.deepEqual(parseListenAddress('unix:///run/a.sock'), { kind: 'unix', path: '/run/a.sock' });
  assert.deepEqual(parseListenAddress('unix:a.sock'), { kind: 'unix', path: 'a.sock' });
});

test('text that is no address gives an error with an example', () => {
  for (const text of ['', '8500', 'host', 'host:', ':8500', 'host:65536', '::1:80', '[::1]80', 'a/b:80', 'a b:80']) {
    assert.throws(
      () => parseListenAddress(text),
      (error: unknown) => error instanceof ListenError && /0\.0\.0\.0:8500/.test(error.message),
      text,
    );
  }
  for (const text of ['unix:', 'unix://', 'unix:a\0b', `unix:/${'x'.repeat(107)}`]) {
    assert.throws(() => parseListenAddress(text), /1 to 107 bytes/, text);
  }
});

test('an IPv6 host is written in brackets', () => {
  assert.equal(formatHostPort('::1', 80), '[::1]:80');
  assert.equal(formatHostPort('127.0.0.1', 80), '127.0.0.1:80');
});
