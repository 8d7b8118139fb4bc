import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PlainRequestReader } from '../../../../src/proxy/http1/plain-request.ts';
import { wholeRequest } from '../../../support/plain-requests.ts';

const LINE = 'POST /v1/models/m:predict HTTP/1.1\r\n';

/** Its routes are the targets themselves, except one, and of GETs '/refused' alone. */
function newReader(): PlainRequestReader<string> {
  const isTaken = (method: string, target: string): boolean =>
    method === 'GET' ? target === '/refused' : target !== '/nowhere';
  return new PlainRequestReader((method, target) => (isTaken(method, target) ? target : undefined));
}

function read(text: string, reader = newReader()) {
  return wholeRequest(reader, Buffer.from(text, 'latin1'));
}

describe('PlainRequestReader', () => {
  it('reads a whole POST: target, headers whatever their case, body, where the next begins', () => {
    const text = `${LINE}Host: a\r\nContent-Length:  4 \r\nX-Request-Id: r1\r\nRequest-Timeout: 2\r\nX-Empty:\r\n\r\nbody`;
    const request = read(`${text}POST`)!;
    assert.equal(request.head.route, '/v1/models/m:predict');
    assert.deepEqual(request.head.fields, {
      timeout: 2000,
      priority: undefined,
      step: undefined,
      token: undefined,
      caller: undefined,
      requestId: 'r1',
      userAgent: undefined,
      line: { method: 'POST', url: '/v1/models/m:predict', httpVersion: '1.1' },
      callerTrace: undefined,
      client: undefined,
      acceptEncoding: undefined,
      inferenceHeader: undefined,
      askedReport: undefined,
      protobufType: undefined,
    });
    assert.equal(request.body.toString(), 'body');
    assert.equal(request.end, Buffer.from(text).length);
  });

  const length = 'host: a\r\ncontent-length: 4\r\n';
  for (const [what, text] of [
    ['a target without a route', `POST /nowhere HTTP/1.1\r\n${length}\r\nbody`],
    ['a head that is not whole', `${LINE}${length}`],
    ['nothing', ''],
    ['a GET without a route', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
    ['another method', `PUT /refused HTTP/1.1\r\n${length}\r\nbody`],
    ['HTTP/1.0', `POST / HTTP/1.0\r\n${length}\r\nbody`],
    ['an absolute target', `POST http://a/ HTTP/1.1\r\n${length}\r\nbody`],
    ['two blanks in the request line', `POST  / HTTP/1.1\r\n${length}\r\nbody`],
    ['no length', `${LINE}host: a\r\n\r\n`],
    ['no host', `${LINE}content-length: 4\r\n\r\nbody`],
    ['two hosts', `${LINE}host: a\r\n${length}\r\nbody`],
    ['two lengths', `${LINE}${length}${length}\r\nbody`],
    ['a list of lengths', `${LINE}host: a\r\ncontent-length: 4, 4\r\n\r\nbody`],
    ['a signed length', `${LINE}host: a\r\ncontent-length: +4\r\n\r\nbody`],
    ['a length in hex', `${LINE}host: a\r\ncontent-length: 0x4\r\n\r\nbody`],
    ['a length with a zero in front', `${LINE}host: a\r\ncontent-length: 04\r\n\r\nbody`],
    ['chunks', `${LINE}${length}transfer-encoding: chunked\r\n\r\nbody`],
    ['compression', `${LINE}${length}content-encoding: gzip\r\n\r\nbody`],
    ['expect', `${LINE}${length}expect: 100-continue\r\n\r\nbody`],
    ['upgrade', `${LINE}${length}upgrade: h2c\r\n\r\nbody`],
    ['a last request', `${LINE}${length}connection: close\r\n\r\nbody`],
    ['blank before the colon', `${LINE}host: a\r\ncontent-length : 4\r\n\r\nbody`],
    ['a folded header', `${LINE}x: a\r\n b\r\n${length}\r\nbody`],
    ['a bare LF', `${LINE}x: a\n${length}\r\nbody`],
    ['a bare CR', `${LINE}x: a\rb\r\n${length}\r\nbody`],
    ['a NUL', `${LINE}x: a\0b\r\n${length}\r\nbody`],
    ['a byte outside ASCII', `${LINE}x: \xe9\r\n${length}\r\nbody`],
    ['a header without a name', `${LINE}: a\r\n${length}\r\nbody`],
    ['a line without a colon', `${LINE}abc\r\n${length}\r\nbody`],
    ['a long head', `${LINE}x: ${'y'.repeat(3000)}\r\n${length}\r\nbody`],
  ] as const) {
    it(`leaves to node: ${what}`, () => assert.equal(read(text), undefined));
  }

  it('reads the head of a request whose body is not whole', () => {
    const text = `${LINE}${length}\r\nbod`;
    assert.equal(read(text), undefined);
    const head = newReader().read(Buffer.from(text))!;
    assert.equal(head.bytes.toString(), text.slice(0, -3));
    assert.equal(head.contentLength, 4);
  });

  it('reads a GET, whose body is empty where no length is told', () => {
    const { head, body } = read('GET /refused HTTP/1.1\r\nhost: a\r\n\r\nPOST')!;
    assert.deepEqual([head.route, head.fields.line?.method, body.length], ['/refused', 'GET', 0]);
    assert.equal(read(`GET /refused HTTP/1.1\r\n${length}\r\nbody`)!.body.toString(), 'body');
  });

  it('takes a header named like a property of objects for what it is', () => {
    const request = read(`${LINE}__proto__: x\r\nconstructor: y\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody`)!;
    assert.equal(request.body.toString(), 'body');
    assert.equal(read(`${LINE}__proto__: x\r\n__proto__: y\r\nhost: a\r\ncontent-length: 0\r\n\r\n`), undefined);
  });

  it('takes no head for another that begins or ends like it', () => {
    const reader = newReader();
    const { head } = read(`${LINE}x: 1\r\n${length}\r\nbody`, reader)!;
    const after = (text: string) => read(text, reader);
    assert.equal(after(`${LINE}x: 1\r\n${length}\r\nelse`)!.head, head);
    assert.equal(after(`${LINE}x: 1\r\n${length}\r\nels`), undefined);
    assert.equal(after(`${LINE}x: 1\r\n${length}x: 2\r\n\r\nelse`), undefined);
    assert.notEqual(after(`${LINE}x: 2\r\n${length}\r\nelse`)!.head, head);
    assert.equal(after(''), undefined);
    assert.equal(after(`GET${LINE.slice(4)}x: 1\r\n${length}\r\nelse`), undefined);
  });

  it('remembers heads by their text, and not too many', () => {
    const reader = newReader();
    const one = read(`${LINE}x: 1\r\n${length}\r\nbody`, reader)!;
    assert.equal(read(`${LINE}x: 1\r\n${length}\r\nelse`, reader)!.head, one.head);
    for (let i = 0; i < 1000; i++) read(`${LINE}x: ${i}\r\n${length}\r\nbody`, reader);
    assert.ok(reader.size <= 256);
  });

  it('never throws, and takes no more than is there', () => {
    const part = fc.constantFrom(
      'POST',
      ' ',
      '/',
      'HTTP/1.1',
      '\r\n',
      ':',
      'content-length',
      '4',
      'x',
      '\0',
      '\r',
      'body',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const text = parts.join('');
        const request = read(text);
        if (request !== undefined) assert.ok(request.end <= text.length && request.body.length <= 4);
      }),
    );
  });
});
