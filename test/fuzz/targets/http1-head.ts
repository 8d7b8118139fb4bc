import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { PlainRequestReader } from '../../../src/proxy/http1/plain-request.ts';
import { wholeRequest } from '../../support/plain-requests.ts';
import type { FuzzTarget } from '../fuzz-target.ts';

interface NodeParser {
  initialize(type: number, resource: object): void;
  execute(bytes: Buffer): number | Error;
  [callback: number]: unknown;
}

type NodeParserClass = (new () => NodeParser) &
  Readonly<Record<'REQUEST' | 'kOnHeadersComplete' | 'kOnBody' | 'kOnMessageComplete', number>>;

/** The parser of node:http itself. */
const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  readonly HTTPParser: NodeParserClass;
  readonly methods: readonly string[];
};

interface Read {
  readonly method: string;
  readonly target: string;
  readonly body: string;
}

/** The first request, if node's parser takes `bytes` and finds it whole and nothing after it. */
function nodeRead(bytes: Buffer): Read | undefined {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {});
  const read = { method: '', target: '', body: '' };
  let isWhole = false;
  parser[HTTPParser.kOnHeadersComplete] = (_1: number, _2: number, _headers: string[], method: number, url: string) => {
    read.method = methods[method]!;
    read.target = url;
  };
  parser[HTTPParser.kOnBody] = (body: Buffer) => {
    read.body += body.toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    isWhole = true;
  };
  const result = parser.execute(bytes);
  return result === bytes.length && isWhole ? read : undefined;
}

/** One remembers heads, as in the server. */
const remembering = new PlainRequestReader((method, target) => ({ method, target }));

export const target: FuzzTarget = {
  says: "HTTP/1.1 requests that our own reader takes: node's parser reads the same",
  maxBytes: 512,
  words: [
    'POST ',
    'GET ',
    ' HTTP/1.1\r\n',
    'host: a\r\n',
    'content-length: ',
    '\r\n\r\n',
    'transfer-encoding: chunked\r\n',
    'connection: keep-alive\r\n',
    '\t',
    '\n',
    'x-request-id: 1\r\n',
  ],
  seeds: [
    'POST /v1/models/m:predict HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}',
    'GET /v1/models/m:predict HTTP/1.1\r\nhost: a\r\n\r\n',
  ],
  run(bytes) {
    const fresh = wholeRequest(new PlainRequestReader((method, path) => ({ method, target: path })), bytes);
    const known = wholeRequest(remembering, bytes);
    assert.equal(known?.end, fresh?.end);
    assert.deepEqual(known?.head.fields, fresh?.head.fields);
    if (fresh === undefined) return;
    const read = nodeRead(Buffer.from(bytes.subarray(0, fresh.end)));
    assert.deepEqual(read, { ...fresh.head.route, body: fresh.body.toString('latin1') });
  },
};
