/** Too large, too deep, compressed, too late: requests at and past what the server takes. */
import { Buffer } from 'node:buffer';
import { deflateSync, gzipSync } from 'node:zlib';
import { frame } from '../support/raw-grpc.ts';
import {
  floats,
  type GrpcSend,
  predict,
  predictMessage,
  protoHead,
  type RestSend,
} from '../support/surface-request.ts';
import { MAX_BYTES } from '../support/surface-sidecar.ts';
import { bytesField, tag, varint, varintField } from '../support/wire-fragments.ts';
import type { BadScenario, GoodScenario } from './surface-contract.ts';

const LEVELS = 1_000_000;
const GOOD = predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } });
const BODY = '{"instances":[[1,2,3,4]]}';
const MESSAGE = GOOD.grpc.message!;
const ANSWER = { restBody: '{"predictions":[[1.0,2.0,3.0,4.0]]}', grpcValues: [1, 2, 3, 4] };
const PATH = '/v1/models/float:predict';

/** A JSON body of `total` bytes that is right but for its length. */
function padded(total: number): Buffer {
  return Buffer.concat([Buffer.from(BODY), Buffer.alloc(total - BODY.length, ' ')]);
}

/** A PredictRequest of `total` bytes: the rest is a field that nobody knows. */
function paddedMessage(total: number): Buffer {
  // Tag of field 99 and a length of four bytes.
  const filler = total - MESSAGE.length - 6;
  return Buffer.concat([MESSAGE, bytesField(99, Buffer.alloc(filler))]);
}

function chunked(body: Uint8Array): Buffer {
  const head = `POST ${PATH} HTTP/1.1\r\nhost: sidecar\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`;
  return Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n')]);
}

const TOO_LARGE = { kind: 'too_large', fix: /send fewer rows/ } as const;

const LARGE: readonly BadScenario[] = [
  {
    ...TOO_LARGE,
    name: 'one byte over the limit',
    sent: /8388609|larger than/,
    wants: /8388608/,
    rest: { body: padded(MAX_BYTES + 1) },
    grpc: { message: paddedMessage(MAX_BYTES + 1) },
    closes: true,
  },
  {
    ...TOO_LARGE,
    name: 'declared over the limit and not sent',
    sent: /2147483648|larger than/,
    wants: /8388608/,
    rest: {
      bytes: `POST ${PATH} HTTP/1.1\r\nhost: sidecar\r\ncontent-length: 2147483648\r\n\r\n`,
      http2: { headers: ['content-length: 2147483648'], isOpen: true },
    },
    grpc: { data: Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]), isOpen: true },
    closes: true,
  },
  {
    ...TOO_LARGE,
    name: 'over the limit without a declared length',
    sent: /has more/,
    wants: /8388608/,
    rest: { bytes: chunked(padded(MAX_BYTES + 1)), http2: { body: padded(MAX_BYTES + 1), isUnannounced: true } },
    closes: true,
  },
  {
    ...TOO_LARGE,
    name: 'a gzip bomb',
    sent: /inflated|larger than/,
    wants: /8388608/,
    rest: { body: gzipSync(padded(20 * MAX_BYTES)), headers: ['content-encoding: gzip'] },
    grpc: { data: frame(gzipSync(Buffer.alloc(20 * MAX_BYTES)), 1), headers: { 'grpc-encoding': 'gzip' } },
  },
  {
    ...TOO_LARGE,
    name: 'varints that decode to eight times their size',
    sent: /takes 16000000 bytes/,
    wants: /8388608 together/,
    grpc: { message: predictMessage('int64', { x: { ...protoHead(9, [1_000_000, 2]), int64Val: [1n] } }) },
  },
];

/** Fields 99, each inside the one before: only lengths and tags. */
function nestedMessages(levels: number): Buffer {
  const heads: Buffer[] = [];
  const fieldTag = tag(99, 2);
  let length = 0;
  for (let i = 0; i < levels; i++) {
    const head = Buffer.concat([fieldTag, varint(length)]);
    heads.push(head);
    length += head.length;
  }
  return Buffer.concat(heads.reverse());
}

const NESTED: readonly BadScenario[] = [
  deep(
    'a million lists, not closed',
    `{"instances":${'['.repeat(LEVELS)}`,
    /not valid JSON at the end/,
    /value is expected/,
    /value is expected/,
  ),
  deep(
    'a million lists',
    `{"instances":${nest('[', LEVELS, ']')}}`,
    /is a list/,
    /64 dimensions at most/,
    /nest less deeply/,
  ),
  deep(
    'a million lists in inputs',
    `{"inputs":{"x":${nest('[', LEVELS, ']')}}}`,
    /is a list/,
    /64 dimensions at most/,
    /nest less deeply/,
  ),
  deep('a million objects', `{"instances":[${nest('{"x":', LEVELS, '}', '1')}]}`, /is an object/, /float32/, /send/),
  deep(
    'a million objects, not closed',
    `{"a":${'{"a":'.repeat(LEVELS)}`,
    /not valid JSON at the end/,
    /value is expected/,
    /value is expected/,
  ),
  deep(
    'a million lists under another key, not closed',
    `{"a":${'['.repeat(LEVELS)}}`,
    /not valid JSON/,
    /value is expected/,
    /value is expected/,
  ),
  {
    name: 'a million groups',
    kind: 'invalid_request',
    sent: /wire type 3/,
    wants: /proto3/,
    fix: /send the message as the \.proto file has it/,
    grpc: { message: Buffer.alloc(LEVELS, tag(8, 3)) },
  },
];

function nest(open: string, levels: number, close: string, inside = ''): string {
  return open.repeat(levels) + inside + close.repeat(levels);
}

function deep(name: string, body: string, sent: RegExp, wants: RegExp, fix: RegExp): BadScenario {
  return { name, kind: 'invalid_request', sent, wants, fix, rest: { body } };
}

const gzipped = gzipSync(BODY);

const COMPRESSED: readonly BadScenario[] = [
  {
    name: 'gzip cut off',
    kind: 'invalid_request',
    sent: /cannot be inflated|could not be read/,
    wants: /Content-Encoding|decompress/i,
    fix: /what its Content-Encoding says|send each message compressed as/,
    rest: { body: gzipped.subarray(0, gzipped.length - 9), headers: ['content-encoding: gzip'] },
    grpc: compressed('gzip', gzipSync(MESSAGE).subarray(0, 20)),
  },
  {
    name: 'gzip that is none',
    kind: 'invalid_request',
    sent: /cannot be inflated|could not be read/,
    wants: /Content-Encoding|decompress/i,
    fix: /what its Content-Encoding says|send each message compressed as/,
    rest: { body: BODY, headers: ['content-encoding: gzip'] },
    grpc: compressed('gzip', MESSAGE),
  },
  {
    name: 'an encoding that we do not have',
    kind: 'unsupported',
    sent: /"compress"|snappy/,
    wants: /gzip/,
    fix: /send .*gzip/,
    rest: { body: BODY, headers: ['content-encoding: compress'] },
    grpc: compressed('snappy', MESSAGE),
  },
  {
    name: 'four encodings',
    kind: 'unsupported',
    sent: /more than 3 content encodings/,
    wants: /at most 3/,
    fix: /send it with one/,
    rest: { body: gzipped, headers: ['content-encoding: gzip, gzip, gzip, gzip'] },
  },
];

function compressed(encoding: string, bytes: Uint8Array): GrpcSend {
  return { data: frame(bytes, 1), headers: { 'grpc-encoding': encoding } };
}

const LATE = {
  kind: 'deadline_exceeded',
  sent: /^deadline of /,
  wants: /passed|had passed/,
  fix: /send a longer/,
} as const;

/** Each as the header `grpc-timeout`, which both surfaces read. */
function timeout(text: string): { rest: RestSend; grpc: GrpcSend } {
  return {
    rest: { body: BODY, headers: [`grpc-timeout: ${text}`] },
    grpc: { data: frame(MESSAGE), headers: { 'grpc-timeout': text } },
  };
}

function malformed(text: string): BadScenario {
  return {
    name: `grpc-timeout "${text}"`,
    kind: 'invalid_request',
    sent: /grpc-timeout/i,
    wants: /digits and a unit/,
    fix: /send .*250m/,
    ...timeout(text),
  };
}

const HALF = BODY.slice(0, 9);

const DEADLINES: readonly BadScenario[] = [
  ...['soon', '', '1X', '1', 'S'].map(malformed),
  // @grpc/grpc-js takes a number and a unit anywhere in the text.
  ...['-1S', '1.5S', '123456789S', '1 S', '0x1S', '1S1S'].map((text) => {
    const { grpc: _, ...scenario } = malformed(text);
    return scenario;
  }),
  { ...LATE, name: 'no time at all', ...timeout('0m') },
  { ...LATE, name: 'a nanosecond', ...timeout('1n') },
  {
    ...LATE,
    name: 'a body that is slower than its deadline',
    rest: {
      bytes: `POST ${PATH} HTTP/1.1\r\nhost: sidecar\r\ngrpc-timeout: 40m\r\ncontent-length: ${BODY.length}\r\n\r\n${HALF}`,
      http2: { headers: ['grpc-timeout: 40m', `content-length: ${BODY.length}`], body: HALF, isOpen: true },
      rest: BODY.slice(HALF.length),
    },
    grpc: { data: frame(MESSAGE).subarray(0, 9), headers: { 'grpc-timeout': '40m' }, isOpen: true },
  },
  {
    ...LATE,
    name: 'a run that is longer than its deadline',
    rest: { path: '/v1/models/slow:predict', body: '{"instances":[[1]]}', headers: ['request-timeout: 0.005'] },
    grpc: {
      data: frame(predictMessage('slow', { x: { ...protoHead(1, [1, 1]), floatVal: [1] } })),
      headers: { 'grpc-timeout': '5m' },
    },
  },
  header('x-envoy-expected-rq-timeout-ms: 1e3', /"1e3"/, /whole milliseconds/),
  header('x-envoy-expected-rq-timeout-ms: -5', /"-5"/, /whole milliseconds/),
  header('request-timeout: soon', /"soon"/, /seconds/),
  header('request-timeout: Infinity', /"Infinity"/, /seconds/),
];

function header(line: string, sent: RegExp, wants: RegExp): BadScenario {
  return {
    name: line,
    kind: 'invalid_request',
    sent,
    wants,
    fix: /; send .*e\.g\./,
    rest: { body: BODY, headers: [line] },
  };
}

export const BAD_LIMITS: readonly BadScenario[] = [...LARGE, ...NESTED, ...COMPRESSED, ...DEADLINES];

export const GOOD_LIMITS: readonly GoodScenario[] = [
  {
    ...ANSWER,
    name: 'the limit itself',
    rest: { body: padded(MAX_BYTES) },
    grpc: { message: paddedMessage(MAX_BYTES) },
  },
  {
    ...ANSWER,
    name: 'gzip',
    rest: { body: gzipped, headers: ['content-encoding: gzip'] },
    grpc: compressed('gzip', gzipSync(MESSAGE)),
  },
  {
    ...ANSWER,
    name: 'deflate',
    rest: { body: deflateSync(BODY), headers: ['content-encoding: deflate'] },
    grpc: compressed('deflate', deflateSync(MESSAGE)),
  },
  {
    ...ANSWER,
    name: 'identity by name',
    rest: { body: BODY, headers: ['content-encoding: identity'] },
    grpc: { data: frame(MESSAGE), headers: { 'grpc-encoding': 'identity' } },
  },
  { ...ANSWER, name: 'a deadline of eleven thousand years', ...timeout('99999999H') },
  { ...ANSWER, name: 'a deadline of a month', ...timeout('43200M') },
  { ...ANSWER, name: 'a deadline of fifty days', ...timeout('4400000S') },
  {
    ...ANSWER,
    name: 'a million objects under a key that is not ours',
    rest: { body: `{"a":${nest('{"a":', LEVELS, '}', '1')},${BODY.slice(1)}` },
  },
  {
    ...ANSWER,
    name: 'a million messages in a field that is not ours',
    grpc: { message: Buffer.concat([MESSAGE, nestedMessages(LEVELS)]) },
  },
  {
    ...ANSWER,
    name: 'a body in chunks',
    rest: {
      bytes: Buffer.concat([chunked(Buffer.from(BODY)), Buffer.from('0\r\n\r\n')]),
      http2: { body: BODY, isUnannounced: true },
    },
  },
  {
    ...ANSWER,
    name: 'a hundred thousand unknown fields',
    grpc: { message: Buffer.concat([MESSAGE, ...new Array<Buffer>(100_000).fill(varintField(99, 1))]) },
  },
];
