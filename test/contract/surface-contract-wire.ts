/** HTTP and gRPC spoken wrongly: paths, methods, headers, frames; protobuf that is none. */
import { Buffer } from 'node:buffer';
import { frame } from '../support/raw-grpc.ts';
import { floats, predict, type StreamSend } from '../support/surface-request.ts';
import type { BadScenario } from './surface-contract.ts';

const BODY = '{"instances":[[1,2,3,4]]}';
const MESSAGE = Buffer.from(predict({ model: 'float', inputs: { x: floats(1, 2, 3, 4) } }).grpc.message!);
const POST = 'POST /v1/models/float:predict HTTP/1.1\r\nhost: sidecar\r\n';
const PREDICTION = '/tensorflow.serving.PredictionService';

const ROUTES: readonly BadScenario[] = [
  noRoute('the root', 'GET', '/'),
  noRoute('a path of another server', 'POST', '/v3/models/float/infer'),
  noRoute('a verb in upper case', 'POST', '/v1/models/float:PREDICT'),
  noRoute('an unknown verb', 'POST', '/v1/models/float:train'),
  noRoute('a label that is a path', 'POST', '/v1/models/float/labels/a/b:predict'),
  noRoute('a version that is no number', 'POST', '/v1/models/float/versions/latest:predict'),
  noRoute('no model name', 'POST', '/v1/models/:predict'),
  noRoute('a climbing path', 'GET', '/v1/models/../../etc/passwd'),
  noRoute('a very long path', 'GET', `/${'x'.repeat(16_000)}`),
  wrongMethod('GET', '/v1/models/float:predict', /use POST/),
  wrongMethod('PUT', '/v1/models/float:predict', /use POST/),
  wrongMethod('DELETE', '/v1/models/float', /use GET/),
  wrongMethod('PROPFIND', '/v1/models/float', /use GET/),
  wrongMethod('POST', '/v1/models/float/metadata', /use GET/),
  refused(
    'a % that begins no escape',
    { path: '/v1/models/%zz:predict' },
    /"%zz"/,
    /escape of UTF-8/,
    /write % itself as %25/,
  ),
  refused(
    'a % escape of no UTF-8',
    { path: '/v1/models/%ff:predict' },
    /"%ff"/,
    /escape of UTF-8/,
    /write % itself as %25/,
  ),
  refused(
    'a version beyond int64',
    { path: '/v1/models/float/versions/9223372036854775808:predict' },
    /9223372036854775808/,
    /too large/,
    /versions end at/,
  ),
  refused('no model', { method: 'GET', path: '/v1/models/' }, /names no model/, /\/v1\/models\/<name>/, /use/),
];

function noRoute(name: string, method: string, path: string): BadScenario {
  return {
    name,
    kind: 'route_not_found',
    sent: /^no such path: "\//,
    wants: /there are/,
    fix: /POST \/v1\/models/,
    rest: { method, path },
  };
}

function wrongMethod(method: string, path: string, fix: RegExp): BadScenario {
  const sent = new RegExp(`^${method} is not possible on "/v1/models/float`);
  return { name: `${method} ${path}`, kind: 'method_not_allowed', sent, wants: fix, fix, rest: { method, path } };
}

function refused(name: string, rest: BadScenario['rest'], sent: RegExp, wants: RegExp, fix: RegExp): BadScenario {
  return { name, kind: 'invalid_request', sent, wants, fix, rest: { body: BODY, ...rest } };
}

/** Bytes that node's parser refuses: no request of ours, and nothing after them can be read. */
const GARBAGE: readonly BadScenario[] = [
  garbage('bytes', Buffer.from([0, 1, 2, 255, 254, 10, 13, 10])),
  garbage('words', 'hello there\r\n\r\n'),
  garbage('an unknown method', 'BREW /v1/models/float:predict HTTP/1.1\r\n\r\n'),
  garbage('an unknown version', 'GET / HTTP/9.9\r\n\r\n'),
  garbage('a content-length that is no number', `${POST}content-length: ten\r\n\r\n`),
  garbage('a negative content-length', `${POST}content-length: -1\r\n\r\n`),
  garbage('two content-lengths', `${POST}content-length: 5\r\ncontent-length: 6\r\n\r\n`),
  garbage('content-length and chunks', `${POST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`),
  garbage('a header without colon', `${POST}content-length 5\r\n\r\n`),
  garbage('a header with NUL', `${POST}x-a: \0\r\n\r\n`),
  garbage('a TLS ClientHello', Buffer.from('16030100c0010000bc0303', 'hex')),
  garbage('an HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  {
    ...garbage('headers that are too large', `${POST}x-a: ${'a'.repeat(100_000)}\r\n\r\n`, {
      headers: [`x-a: ${'a'.repeat(40_000)}`],
    }),
    restStatus: 431,
    sent: /headers are too large/,
    wants: /fewer or shorter/,
    fix: /send fewer or shorter ones/,
  },
  {
    name: 'chunks that are none',
    kind: 'invalid_request',
    sent: /chunks are malformed/,
    wants: /valid HTTP\/1\.1/,
    fix: /send them as the standard has it/,
    rest: { bytes: `${POST}transfer-encoding: chunked\r\n\r\nzz\r\n` },
    closes: true,
  },
];

function garbage(name: string, bytes: string | Uint8Array, http2?: StreamSend): BadScenario {
  return {
    name,
    kind: 'invalid_request',
    sent: /not valid HTTP\/1\.1/,
    wants: /HTTP\/1\.1 without TLS/,
    fix: /speak HTTP\/1\.1/,
    rest: { bytes, ...(http2 && { http2 }) },
    closes: true,
    isUncounted: ['rest'],
  };
}

const FRAMES: readonly BadScenario[] = [
  message('bytes', Buffer.from('ffffffff68656c6c6f', 'hex'), /near byte/),
  message('JSON', Buffer.from(BODY), /near byte/),
  message('cut off', MESSAGE.subarray(0, MESSAGE.length - 3), /cut off/),
  message('cut off in a length', MESSAGE.subarray(0, 1), /cut off/),
  message('a length of four gigabytes', Buffer.from('0affffffff0f', 'hex'), /cut off/),
  message('a varint of eleven bytes', Buffer.from('08ffffffffffffffffffffff01', 'hex'), /longer than 10 bytes/),
  message('field number 0', Buffer.from([0x00, 0x01]), /no such field number/),
  message('wire type 7', Buffer.from([0x0f, 0x01]), /wire type 7/),
  message('zeros', Buffer.alloc(1000), /no such field number/),
  stream('no message', Buffer.alloc(0), /was sent none/),
  stream('two messages', Buffer.concat([frame(MESSAGE), frame(MESSAGE)]), /a second one/),
  half('half a frame', frame(MESSAGE).subarray(0, 9)),
  half('half a frame head', Buffer.from([0, 0])),
];

function message(name: string, bytes: Uint8Array, problem: RegExp): BadScenario {
  return {
    name: `a message of ${name}`,
    kind: 'invalid_request',
    sent: /^PredictRequest is not valid protobuf/,
    wants: problem,
    fix: /send the message as the \.proto file has it/,
    grpc: { message: bytes },
  };
}

function stream(name: string, data: Uint8Array, sent: RegExp): BadScenario {
  return {
    name,
    kind: 'unsupported',
    sent,
    wants: /takes one message/,
    fix: /send exactly one|takes one message/,
    grpc: { data },
  };
}

function half(name: string, data: Uint8Array): BadScenario {
  return {
    name,
    kind: 'invalid_request',
    sent: /ends within a message/,
    wants: /after \d+ of (the )?\d+ bytes/,
    fix: /send the whole message/,
    grpc: { data },
  };
}

const METHODS: readonly BadScenario[] = [
  ...[`${PREDICTION}/Nope`, '/nope.Service/Predict', `${PREDICTION}/predict`, '/', `/${'x'.repeat(5000)}`].map(
    (path): BadScenario => ({
      name: `the method ${path.slice(0, 60)}`,
      kind: 'route_not_found',
      sent: /has no method "\//,
      wants: /this server has no method/,
      fix: /server reflection lists those it has/,
      grpc: { path, data: frame(MESSAGE) },
      isUncounted: ['grpc'],
    }),
  ),
];

export const BAD_WIRE: readonly BadScenario[] = [...ROUTES, ...GARBAGE, ...FRAMES, ...METHODS];
