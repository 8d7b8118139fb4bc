import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { METHODS } from 'node:http';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { firstProtocol } from '../../src/proxy/net/first-protocol.ts';

/** The verdict when the bytes come one at a time, and after how many. */
function trickled(bytes: Buffer): readonly [verdict: string | undefined, after: number] {
  for (let count = 1; count <= bytes.length; count++) {
    const verdict = firstProtocol(bytes.subarray(0, count));
    if (verdict !== undefined) return [verdict, count];
  }
  return [undefined, bytes.length];
}

describe('what a connection speaks', () => {
  it('is HTTP/1.1 for every method, PUT, POST, PATCH and PROPFIND among them', () => {
    for (const method of METHODS) assert.equal(trickled(Buffer.from(`${method} / HTTP/1.1\r\n`))[0], 'http1', method);
    assert.deepEqual(trickled(Buffer.from('PRIX / HTTP/1.1')), ['http1', 4]);
    assert.deepEqual(trickled(Buffer.from('POST')), ['http1', 2]);
    assert.deepEqual(trickled(Buffer.from('\r\nGET /')), ['http1', 1]);
  });

  it('is HTTP/2 after four bytes of its preface, and TLS after the first', () => {
    assert.deepEqual(trickled(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')), ['http2', 4]);
    assert.deepEqual(trickled(Buffer.from([0x16, 3, 1])), ['tls', 1]);
    assert.deepEqual(trickled(Buffer.from('PRI')), [undefined, 3]);
    assert.equal(firstProtocol(Buffer.alloc(0)), undefined);
  });

  it('is the same however the bytes are split, and known after four', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 20 }), (any) => {
        const bytes = Buffer.from(any);
        const [verdict, after] = trickled(bytes);
        assert.ok(after <= 4);
        for (let count = after; count <= bytes.length; count++) {
          assert.equal(firstProtocol(bytes.subarray(0, count)), verdict);
        }
      }),
    );
  });

  it('is unknown for bytes that begin no method', () => {
    for (const byte of [0, 1, 0x15, 0x17, 0x20, 0x22, 0x28, 0x7f, 0x80, 0xff]) {
      assert.equal(firstProtocol(Buffer.from([byte])), 'unknown');
    }
  });
});
