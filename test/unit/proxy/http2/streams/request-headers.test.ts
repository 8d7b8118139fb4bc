import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderField } from '../../../../../src/proxy/http2/hpack/header-field.ts';
import {
  areTrailersValid,
  type RequestHeaders,
  readRequestHeaders,
} from '../../../../../src/proxy/http2/streams/request-headers.ts';
import { type Fields, POST } from '../../../../support/http2-frames.ts';

const read = (fields: Fields): RequestHeaders | undefined =>
  readRequestHeaders(fields.map(([name, value]) => new HeaderField(name, value)));
const without = (name: string): Fields => POST.filter((field) => field[0] !== name);

test('reads a request', () => {
  const headers = read([...POST, ['content-type', 'application/grpc'], ['te', 'trailers'], ['content-length', '12']])!;
  assert.equal(headers.method, 'POST');
  assert.equal(headers.scheme, 'http');
  assert.equal(headers.path, '/echo');
  assert.equal(headers.authority, 'localhost');
  assert.equal(headers.contentLength, 12);
  assert.equal(headers.get('content-type'), 'application/grpc');
  assert.equal(headers.get('accept'), undefined);
  assert.deepEqual(
    headers.fields.map(({ name }) => name),
    ['content-type', 'te', 'content-length'],
  );
});

test('host stands in for a missing :authority', () => {
  assert.equal(read([...without(':authority'), ['host', 'example.com']])!.authority, 'example.com');
  assert.equal(read(without(':authority'))!.authority, '');
});

test('repeated fields stay apart and get returns the first', () => {
  const headers = read([...POST, ['a', '1'], ['a', '2']])!;
  assert.equal(headers.get('a'), '1');
  assert.equal(headers.fields.length, 2);
});

test('CONNECT has an authority and nothing else', () => {
  assert.equal(
    read([
      [':method', 'CONNECT'],
      [':authority', 'a:443'],
    ])!.path,
    '',
  );
  assert.equal(read(POST.map(([name, value]) => [name, name === ':method' ? 'CONNECT' : value] as const)), undefined);
});

const MALFORMED: Readonly<Record<string, Fields>> = {
  'no :method': without(':method'),
  'no :scheme': without(':scheme'),
  'no :path': without(':path'),
  'an empty :path': [...without(':path'), [':path', '']],
  'a :path without a slash': [...without(':path'), [':path', 'echo']],
  'a :path with a blank': [...without(':path'), [':path', '/a b']],
  'a :method that is no token': [...without(':method'), [':method', 'GET /']],
  'a pseudo-header twice': [...POST, [':path', '/again']],
  'an unknown pseudo-header': [...POST, [':protocol', 'websocket']],
  'the pseudo-header of an answer': [...POST, [':status', '200']],
  'a pseudo-header after a field': [...without(':path'), ['a', 'b'], [':path', '/']],
  'upper case in a name': [...POST, ['Content-Type', 'text/plain']],
  'an empty name': [...POST, ['', 'x']],
  'a blank in a name': [...POST, ['a b', 'x']],
  'a colon in a name': [...POST, ['a:b', 'x']],
  'a non-ASCII name': [...POST, ['\xe9', 'x']],
  'a line feed in a value': [...POST, ['a', 'x\ny: z']],
  'a carriage return in a value': [...POST, ['a', 'x\ry']],
  'NUL in a value': [...POST, ['a', '\0']],
  'a blank before a value': [...POST, ['a', ' x']],
  'a tab after a value': [...POST, ['a', 'x\t']],
  connection: [...POST, ['connection', 'close']],
  'keep-alive': [...POST, ['keep-alive', '5']],
  'proxy-connection': [...POST, ['proxy-connection', 'close']],
  'transfer-encoding': [...POST, ['transfer-encoding', 'chunked']],
  upgrade: [...POST, ['upgrade', 'websocket']],
  'te other than trailers': [...POST, ['te', 'gzip']],
  'a content-length that is no number': [...POST, ['content-length', '1e3']],
  'a negative content-length': [...POST, ['content-length', '-1']],
  'a content-length past any number': [...POST, ['content-length', '9'.repeat(40)]],
  'two content-lengths that differ': [...POST, ['content-length', '1'], ['content-length', '2']],
  'a host that is not the :authority': [...POST, ['host', 'elsewhere']],
  'two hosts and no :authority': [...without(':authority'), ['host', 'a'], ['host', 'b']],
  'two hosts, though they are one': [...without(':authority'), ['host', 'a'], ['host', 'a']],
};

for (const [name, fields] of Object.entries(MALFORMED)) {
  test(`malformed: ${name}`, () => assert.equal(read(fields), undefined));
}

test('two equal content-lengths are one', () => {
  assert.equal(read([...POST, ['content-length', '7'], ['content-length', '7']])!.contentLength, 7);
});

test('trailers have neither pseudo-headers nor fields of a connection', () => {
  const areValid = (fields: Fields): boolean =>
    areTrailersValid(fields.map(([name, value]) => new HeaderField(name, value)));
  assert.equal(areValid([['grpc-status', '0']]), true);
  assert.equal(areValid([]), true);
  assert.equal(areValid([[':path', '/']]), false);
  assert.equal(areValid([['Upper', 'x']]), false);
  assert.equal(areValid([['connection', 'close']]), false);
});
