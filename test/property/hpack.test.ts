/** HPACK under any input: what is encoded comes back, and what is not HPACK is refused, in bounded time and memory. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConnectionError, ErrorCode } from '../../src/proxy/http2/error-code.ts';
import { HpackDecoder } from '../../src/proxy/http2/hpack/hpack-decoder.ts';
import { encodeHeaders } from '../../src/proxy/http2/hpack/hpack-encoder.ts';
import { decodeHuffman } from '../../src/proxy/http2/hpack/huffman.ts';
import { encodeHuffman } from '../support/huffman-encode.ts';

const bytes = (most: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength: most }).map((a) => Buffer.from(a));
const latin1 = (most: number): fc.Arbitrary<string> => bytes(most).map((b) => b.toString('latin1'));

test('the Huffman code brings every string back', () => {
  fc.assert(
    fc.property(bytes(200), (text) => {
      const coded = encodeHuffman(text);
      assert.equal(decodeHuffman(coded, 0, coded.length), text.toString('latin1'));
    }),
  );
});

test('whatever is encoded is decoded, block after block', () => {
  const names = fc.oneof(fc.constantFrom(':status', 'content-type', 'date', 'grpc-status'), latin1(20));
  const blocks = fc.array(fc.array(fc.tuple(names, latin1(200)), { maxLength: 10 }), { maxLength: 5 });
  fc.assert(
    fc.property(blocks, (all) => {
      const decoder = new HpackDecoder(1_000_000);
      for (const fields of all) {
        const block = Buffer.from(encodeHeaders(fields));
        const decoded = decoder.decode(block, 0, block.length).fields.map(({ name, value }) => [name, value]);
        assert.deepEqual(decoded, fields);
      }
    }),
  );
});

/**
 * A client's encoder in the plainest form: every field a literal that goes into the table, or a reference to where it
 * stands there by now. It keeps the table as a list, newest first: another implementation than the decoder's ring.
 */
function encodeWithTable(table: string[][], name: string, value: string): Buffer {
  const known = table.findIndex((entry) => entry[0] === name && entry[1] === value);
  if (known !== -1) {
    const index = 62 + known;
    return index < 127 ? Buffer.from([0x80 | index]) : Buffer.from([0xff, index - 127]);
  }
  table.unshift([name, value]);
  const size = (): number => table.reduce((sum, [n, v]) => sum + n!.length + v!.length + 32, 0);
  while (size() > 4096) table.pop();
  const text = (s: string): Buffer => {
    const coded = encodeHuffman(Buffer.from(s, 'latin1'));
    const length =
      coded.length < 127 ? [0x80 | coded.length] : [0xff, (coded.length - 127) | 0x80, (coded.length - 127) >> 7];
    return Buffer.concat([Buffer.from(length), coded]);
  };
  return Buffer.concat([Buffer.from([0x40]), text(name), text(value)]);
}

test('the dynamic table follows its encoder through any sequence of fields', () => {
  const field = fc.tuple(fc.constantFrom('a', 'bb', 'ccc', 'x-long-name'), latin1(300));
  fc.assert(
    fc.property(fc.array(fc.array(field, { maxLength: 20 }), { maxLength: 10 }), fc.array(fc.nat()), (all, repeats) => {
      const decoder = new HpackDecoder(1_000_000);
      const table: string[][] = [];
      const sent: (readonly [string, string])[] = [];
      for (const fields of all) {
        // Some of what was sent before comes again.
        const again = repeats.flatMap((n) => (sent.length > 0 ? [sent[n % sent.length]!] : []));
        const list = [...fields, ...again];
        sent.push(...fields);
        const block = Buffer.concat(list.map(([name, value]) => encodeWithTable(table, name, value)));
        const decoded = decoder.decode(block, 0, block.length).fields.map((f) => [f.name, f.value]);
        assert.deepEqual(decoded, list);
      }
    }),
  );
});

test('garbage is decoded or refused with COMPRESSION_ERROR, and keeps no more than its limit', () => {
  const mutated = fc
    .tuple(fc.array(fc.tuple(latin1(10), latin1(30)), { maxLength: 8 }), fc.array(fc.tuple(fc.nat(), fc.nat(255))))
    .map(([fields, changes]) => {
      const block = Buffer.from(encodeHeaders(fields));
      for (const [at, value] of changes) if (block.length > 0) block[at % block.length] = value;
      return block;
    });
  fc.assert(
    fc.property(fc.array(fc.oneof(bytes(300), mutated), { maxLength: 10 }), (blocks) => {
      const decoder = new HpackDecoder(1000);
      for (const block of blocks) {
        try {
          const { fields } = decoder.decode(block, 0, block.length);
          const size = fields.reduce((sum, field) => sum + field.size, 0);
          assert.ok(size <= 1000);
        } catch (error) {
          assert.ok(error instanceof ConnectionError, String(error));
          assert.equal(error.code, ErrorCode.COMPRESSION_ERROR);
          return;
        }
      }
    }),
    { numRuns: 1000 },
  );
});
