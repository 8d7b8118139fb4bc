import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import { GrpcMethods } from '../../../../src/proxy/fronting/telemetry/grpc-methods.ts';
import { type FrontedFacts, frontedRecord } from '../fronted-record.ts';

const GET = '/shop.Orders/Get';

function call(target: string, status: number | undefined, facts: FrontedFacts = {}) {
  const grpc = { status, message: undefined };
  return frontedRecord({ ...facts, arrival: { route: 'grpc', method: 'POST', target }, grpc });
}

test('a method has its name once the application has answered it, also by a failure', () => {
  for (const status of [0, 5, 13, 14]) {
    assert.equal(new GrpcMethods().nameOf(call(GET, status)), 'shop.Orders/Get', String(status));
  }
  const left = call(GET, undefined, { outcome: 'client_left' });
  assert.equal(new GrpcMethods().nameOf(left), 'shop.Orders/Get');
});

test('it has none while nothing says that there is one', () => {
  const methods = new GrpcMethods();
  const error = new ServingError('app_unavailable', 'not there');
  const answers = [
    call(GET, 12),
    call(GET, 16),
    call(GET, 7),
    call(GET, undefined),
    call(GET, undefined, { status: 404 }),
    call(GET, undefined, { error, outcome: 'app_unavailable', sends: 0 }),
    call(GET, undefined, { outcome: 'client_left', status: undefined }),
  ];
  for (const record of answers) assert.equal(methods.nameOf(record), '_OTHER', JSON.stringify(record));
  methods.nameOf(call(GET, 0));
  for (const record of answers) assert.equal(methods.nameOf(record), 'shop.Orders/Get', JSON.stringify(record));
});

test('no path makes a name that a .proto file could not have', () => {
  const odd = [
    '/',
    '/a',
    '/a/b/c',
    '/a/',
    '//b',
    '/a b/c',
    '/a/b?c=1',
    '/a/b%00',
    '/a/b"',
    '/é/b',
    '*',
    `/a/${'b'.repeat(300)}`,
  ];
  const methods = new GrpcMethods();
  for (const target of odd) assert.equal(methods.nameOf(call(target, 0)), '_OTHER', target);
});

test('an application that answers whatever it is asked has a hundred', () => {
  const methods = new GrpcMethods();
  const names = new Set(Array.from({ length: 1000 }, (_, i) => methods.nameOf(call(`/a.B/M${i}`, 0))));
  assert.equal(names.size, 101);
  assert.equal(methods.nameOf(call('/a.B/M3', 0)), 'a.B/M3');
});
