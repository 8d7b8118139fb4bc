/**
 * The header block of a gRPC request → its checked headers: through the memo, which knows blocks that came before, and
 * through the decoder alone. Node is not beside them: its HPACK is inside node:http2's session and has no door of its
 * own (`npm run bench -- http2` has the whole).
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { HpackDecoder } from '../../src/proxy/http2/hpack/hpack-decoder.ts';
import { HeaderMemo } from '../../src/proxy/http2/streams/header-intake.ts';
import { type RequestHeaders, readRequestHeaders } from '../../src/proxy/http2/streams/request-headers.ts';
import { encodeHuffman } from '../../test/support/huffman-encode.ts';
import { type Comparison, runSubject } from './interleave.ts';

const MAX_LIST_BYTES = 16_384;
const PATH = '/tensorflow.serving.PredictionService/Predict';
/** The header fields that a gRPC client sends beside method and scheme, which stand in the static table. */
const FIELDS: readonly (readonly [string, string])[] = [
  [':path', PATH],
  [':authority', 'inference.example:8500'],
  ['content-type', 'application/grpc'],
  ['user-agent', 'grpc-python/1.80.0 grpc-c/50.0.0 (linux; chttp2)'],
  ['te', 'trailers'],
  ['grpc-accept-encoding', 'identity, deflate, gzip'],
  ['grpc-timeout', '1S'],
];
const STATIC_POST = 0x83;
const STATIC_HTTP = 0x86;
/** The newest field of the dynamic table, as an indexed field. */
const FIRST_DYNAMIC = 0x80 | 62;

/** RFC 7541, 6.2: a literal with a new name, in Huffman code; all strings here are shorter than 127. */
function literal(pattern: number, [name, value]: readonly [string, string]): Buffer {
  const texts = [name, value].map((text) => encodeHuffman(Buffer.from(text)));
  return Buffer.concat([Buffer.of(pattern), ...texts.flatMap((text) => [Buffer.of(0x80 | text.length), text])]);
}

function block(...fields: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(STATIC_POST, STATIC_HTTP), ...fields]);
}

/** `next` gives the block of the next request. The first one has put all fields into the table. */
function comparison(title: string, next: () => Buffer): Comparison {
  const first = block(...FIELDS.map((field) => literal(0x40, field)));
  const [decoder, memo] = [new HpackDecoder(MAX_LIST_BYTES), new HeaderMemo()];
  decoder.decode(first, 0, first.length);
  const decode = (bytes: Buffer): RequestHeaders | undefined =>
    readRequestHeaders(decoder.decode(bytes, 0, bytes.length).fields);
  return {
    title: `${title} (${next().length} bytes)`,
    contestants: {
      'memo, then decoder': () => {
        const bytes = next();
        const tableVersion = decoder.table.version;
        const known = memo.find(tableVersion, bytes, 0, bytes.length);
        if (known !== undefined) return known;
        const headers = decode(bytes);
        if (headers !== undefined) memo.add(tableVersion, bytes, 0, bytes.length, headers);
        return headers;
      },
      'decoder alone': () => decode(next()),
    },
    check: (call) => {
      const headers = call() as RequestHeaders;
      assert.deepEqual([headers.method, headers.scheme, headers.path], ['POST', 'http', PATH]);
      for (const [name, value] of FIELDS.slice(2)) assert.equal(headers.get(name), value);
    },
  };
}

const indexed = FIELDS.map((_, i) => Buffer.of(FIRST_DYNAMIC + FIELDS.length - 1 - i));
const repeated = block(...indexed);
/** Blocks with a traceparent of their own: so many that a memo has forgotten one by the time that it comes again. */
const traced = Array.from({ length: 64 }, (_, i) => {
  const parent = `00-${'4bf92f3577b34da6'.repeat(2)}-${String(i).padStart(16, '0')}-01`;
  return block(...indexed, literal(0x00, ['traceparent', parent]));
});
let request = 0;

await runSubject([
  comparison('the block of the request before', () => repeated),
  comparison('the same with a traceparent of its own', () => traced[request++ % traced.length]!),
]);
