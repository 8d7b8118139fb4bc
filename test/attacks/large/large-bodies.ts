/**
 * Single large requests, each in a spelling of its own, for the models of large-models.ts. A driver sends its body
 * again and again, one at a time, until `seconds` have passed or `signal` aborts.
 */
import { Buffer } from 'node:buffer';
import { connect } from 'node:net';
import { answerOf, frame, openCall, openSession } from '../../support/raw-grpc.ts';
import { bytesField, shape, tag, varint, varintField } from '../../support/wire-fragments.ts';
import { WIDTH } from './large-models.ts';

export interface Target {
  /** "host:port" of each surface. */
  readonly rest: string;
  readonly grpc: string;
}

/** Answers by their status: an HTTP status, or "grpc N". */
export type Counts = Record<string, number>;

export type Attack = (target: Target, seconds: number, signal: AbortSignal) => Promise<Counts>;

/** Near the server's default limit of 64 MiB. */
export const LARGE = 63 * 2 ** 20;

/** Makes a body of at most so many bytes. */
type Body = (bytes: number) => Buffer;

const many = (unit: string | Buffer, bytes: number): Buffer =>
  Buffer.alloc(bytes - (bytes % unit.length), unit as string);

/** `head`, then `unit` as often as fits, the last one without its comma, then `tail`. */
const list =
  (head: string, unit: string, tail: string): Body =>
  (bytes) => {
    const middle = many(unit, bytes - head.length - tail.length);
    return Buffer.concat([Buffer.from(head), middle.subarray(0, middle.length - 1), Buffer.from(tail)]);
  };

/** `head`, then `text` as often as fits, then `tail`. */
const filled =
  (head: string, text: string, tail: string): Body =>
  (bytes) =>
    Buffer.concat([Buffer.from(head), many(text, bytes - head.length - tail.length), Buffer.from(tail)]);

const listOf = (value: string, count: number): string => `[${Array(count).fill(value).join(',')}],`;
const rows = (value: string): Body => list('{"instances":[', listOf(value, WIDTH), ']}');
const nested: Body = (bytes) => {
  const levels = Math.floor(bytes / 2) - 20;
  return Buffer.concat([Buffer.from('{"instances":'), many('[', levels), many(']', levels), Buffer.from('}')]);
};

/** By name: the model, and the JSON. */
const JSON_BODIES: Readonly<Record<string, readonly [model: string, body: Body]>> = {
  'rows of floats': ['wide_float32', rows('0.8414709848078965')],
  'short floats': ['wide_float32', rows('0.5')],
  digits: ['wide_float32', rows('1')],
  exponents: ['wide_float32', rows('1.5e-7')],
  'NaN words': ['wide_float32', rows('NaN')],
  'integers as int64': ['wide_int64', rows('1234567')],
  'long integers as int64': ['wide_int64', rows('1234567890123456789')],
  booleans: ['wide_bool', rows('true')],
  'columns of floats': ['wide_float32', list('{"inputs":{"x":[', listOf('0.8414709848078965', WIDTH), ']}}')],
  'named inputs': ['wide_float32', list('{"instances":[', `{"x":${listOf('0.5', WIDTH).slice(0, -1)}},`, ']}')],
  'tiny named inputs': ['tall', list('{"instances":[', '{"x":1},', ']}')],
  strings: ['text', list('{"instances":[', listOf(`"${'some text '.repeat(6)}"`, 64), ']}')],
  'short strings': ['text', list('{"instances":[', listOf('""', 64), ']}')],
  'one long string': ['text', filled('{"instances":[["', 'a', '"]]}')],
  'one string of escapes': ['text', filled('{"instances":[["', '\\u00e9', '"]]}')],
  base64: ['text', filled('{"instances":[[{"b64":"', 'YWFh', '"}]]}')],
  'nested lists': ['wide_float32', nested],
  'a skipped value': ['tall', list('{"junk":[', '"x",', '],"instances":[1]}')],
  'white space': ['tall', filled('', ' ', '{"instances":[1]}')],
  'a fault at the end': ['wide_float32', list('{"instances":[', listOf('0.8414709848078965', WIDTH), ']')],
  'an unknown model': ['nobody', rows('0.5')],
  'floats, echoed': ['echo_float32', rows('0.8414709848078965')],
  'strings, echoed': ['echo_text', list('{"instances":[', '["some text"],', ']}')],
};

/** Rows of WIDTH elements that fit where an element takes `elementBytes`. */
const wideRows = (bytes: number, elementBytes: number): number => Math.floor((bytes - 300) / elementBytes / WIDTH);

/** An infer body of the Open Inference Protocol: whole rows of `value`. */
const infer =
  (datatype: string, value: string): Body =>
  (bytes) => {
    const rows = wideRows(bytes, value.length + 1);
    const head = `{"inputs":[{"name":"x","shape":[${rows},${WIDTH}],"datatype":"${datatype}","data":[`;
    const data = many(`${value},`, rows * WIDTH * (value.length + 1));
    return Buffer.concat([Buffer.from(head), data.subarray(0, data.length - 1), Buffer.from(']}]}')]);
  };

/** By name: the model, and the JSON. */
const INFER_BODIES: Readonly<Record<string, readonly [model: string, body: Body]>> = {
  floats: ['wide_float32', infer('FP32', '0.8414709848078965')],
  'long integers': ['wide_int64', infer('INT64', '1234567890123456789')],
  booleans: ['wide_bool', infer('BOOL', 'true')],
  strings: ['text', infer('BYTES', `"${'some text '.repeat(6)}"`)],
  'short strings': ['text', infer('BYTES', '""')],
  'nested lists': ['wide_float32', (bytes) => Buffer.concat([Buffer.from('{"inputs":'), many('[', bytes - 100)])],
  'floats, echoed': ['echo_float32', infer('FP32', '0.8414709848078965')],
};

/** By name: the model, the datatype, and an element as binary data. */
const INFER_ELEMENTS: Readonly<Record<string, readonly [model: string, datatype: string, element: Buffer]>> = {
  floats: ['echo_float32', 'FP32', Buffer.from([0, 0, 0, 0x3f])],
  strings: ['text', 'BYTES', Buffer.from('\u0009\0\0\0some text')],
  'empty strings': ['text', 'BYTES', Buffer.alloc(4)],
};

const DT = { float32: 1, string: 7, int64: 9, float16: 19 } as const;

/** A PredictRequest for `model` with one input x. */
function predict(model: string, ...fields: readonly Uint8Array[]): Buffer {
  const entry = Buffer.concat([bytesField(1, 'x'), bytesField(2, Buffer.concat(fields))]);
  return Buffer.concat([bytesField(1, bytesField(1, model)), bytesField(2, entry)]);
}

/** As many rows of WIDTH elements as fit, where an element takes `elementBytes`; `values` makes the field of `count`. */
const wide =
  (model: string, dtype: number, elementBytes: number, values: (count: number) => Buffer): Body =>
  (bytes) => {
    const count = Math.floor((bytes - 100) / elementBytes / WIDTH) * WIDTH;
    return predict(model, varintField(1, dtype), bytesField(2, shape(count / WIDTH, WIDTH)), values(count));
  };

const packed =
  (field: number, element: Buffer) =>
  (count: number): Buffer =>
    bytesField(field, many(element, count * element.length));
const unpacked =
  (field: number, wireType: number, element: Buffer) =>
  (count: number): Buffer =>
    many(Buffer.concat([tag(field, wireType), element]), count * (element.length + 1));

/** One column of as many strings as fit. */
const strings =
  (model: string, text: string): Body =>
  (bytes) => {
    const count = Math.floor((bytes - 100) / (text.length + 2));
    const values = unpacked(8, 2, bytesField(1, text).subarray(1));
    return predict(model, varintField(1, DT.string), bytesField(2, shape(count, 1)), values(count));
  };

const float = Buffer.from([0, 0, 0, 0x3f]);
const oneFloat = (): Buffer[] => [varintField(1, DT.float32), bytesField(2, shape(1)), bytesField(5, float)];

/** By name: the PredictRequest. */
const MESSAGES: Readonly<Record<string, Body>> = {
  tensor_content: wide('wide_float32', DT.float32, 4, packed(4, float)),
  'packed floats': wide('wide_float32', DT.float32, 4, packed(5, float)),
  'unpacked floats': wide('wide_float32', DT.float32, 5, unpacked(5, 5, float)),
  'short varints': wide('wide_int64', DT.int64, 8, packed(10, varint(1))),
  'long varints': wide('wide_int64', DT.int64, 10, packed(10, varint(-1))),
  'unpacked varints': wide('wide_int64', DT.int64, 8, unpacked(10, 0, varint(1))),
  'surplus varints': (bytes) =>
    predict(
      'wide_int64',
      ...[varintField(1, DT.int64), bytesField(2, shape(1, WIDTH))],
      bytesField(10, many(varint(1), bytes - 100)),
    ),
  halves: wide('wide_float16', DT.float16, 3, packed(13, varint(0xffff))),
  strings: strings('text', 'some text'),
  'empty strings': strings('text', ''),
  'surplus strings': (bytes) =>
    predict('text', varintField(1, DT.string), bytesField(2, shape(1, 1)), many(bytesField(8, ''), bytes - 100)),
  'elements that were not sent': () =>
    predict('wide_float32', varintField(1, DT.float32), bytesField(2, shape(15_728_640)), bytesField(5, float)),
  'unknown fields': (bytes) => Buffer.concat([many(bytesField(99, ''), bytes - 100), predict('tall', ...oneFloat())]),
  'many inputs': (bytes) => {
    const entry = bytesField(2, Buffer.concat([bytesField(1, 'x'), bytesField(2, Buffer.concat(oneFloat()))]));
    return Buffer.concat([bytesField(1, bytesField(1, 'tall')), many(entry, bytes - 100)]);
  },
  'floats, echoed': wide('echo_float32', DT.float32, 4, packed(4, float)),
  'long varints, echoed': wide('echo_int64', DT.int64, 10, packed(4, Buffer.alloc(8, 0xff))),
  'strings, echoed': strings('echo_text', 'some text'),
};

/** A ClassificationRequest of small examples. */
const examples: Body = (bytes) => {
  const feature = bytesField(2, bytesField(3, bytesField(1, Buffer.alloc(32, 1))));
  const example = bytesField(1, bytesField(1, Buffer.concat([bytesField(1, 'x'), feature])));
  const input = bytesField(2, bytesField(1, many(bytesField(1, example), bytes - 100)));
  return Buffer.concat([bytesField(1, bytesField(1, 'examples')), input]);
};

const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const CLASSIFY = '/tensorflow.serving.PredictionService/Classify';
const PROTOBUF = ['content-type: application/x-protobuf'];

/** By name; each body has at most `bytes`. */
export function largeBodies(bytes = LARGE): Readonly<Record<string, Attack>> {
  const attacks: Record<string, Attack> = {};
  for (const [name, [model, body]] of Object.entries(JSON_BODIES)) {
    attacks[`json: ${name}`] = overRest(`/v1/models/${model}:predict`, () => body(bytes));
  }
  attacks['json: examples'] = overRest('/v1/models/examples:classify', () =>
    list('{"examples":[', '{"x":[1,2,3,4,5,6,7,8]},', ']}')(bytes),
  );
  for (const [name, [model, body]] of Object.entries(INFER_BODIES)) {
    attacks[`v2: ${name}`] = overRest(`/v2/models/${model}/infer`, () => body(bytes));
  }
  for (const [name, parts] of Object.entries(INFER_ELEMENTS))
    attacks[`v2, binary: ${name}`] = binaryInfer(bytes, parts);
  for (const [name, body] of Object.entries(MESSAGES)) attacks[`grpc: ${name}`] = overGrpc(PREDICT, () => body(bytes));
  attacks['grpc: examples'] = overGrpc(CLASSIFY, () => examples(bytes));
  const varints = MESSAGES['long varints']!;
  attacks['rest, protobuf: long varints'] = overRest('/v1/models/wide_int64:predict', () => varints(bytes), PROTOBUF);
  return attacks;
}

/** Posts the body over and over, each time on a connection of its own. */
function overRest(path: string, body: () => Buffer, headers: readonly string[] = []): Attack {
  return (target, seconds, signal) =>
    again(seconds, signal, body(), (bytes) => post(target.rest, path, bytes, headers));
}

/** Tensors behind the JSON, both ways. */
function binaryInfer(bytes: number, [model, datatype, element]: readonly [string, string, Buffer]): Attack {
  const rows = wideRows(bytes, element.length);
  const size = rows * WIDTH * element.length;
  const input = `{"name":"x","shape":[${rows},${WIDTH}],"datatype":"${datatype}","parameters":{"binary_data_size":${size}}}`;
  const head = Buffer.from(`{"inputs":[${input}],"parameters":{"binary_data_output":true}}`);
  const headers = [`inference-header-content-length: ${head.length}`];
  return overRest(`/v2/models/${model}/infer`, () => Buffer.concat([head, many(element, size)]), headers);
}

function overGrpc(path: string, message: () => Buffer): Attack {
  return (target, seconds, signal) =>
    again(seconds, signal, frame(message()), async (bytes) => {
      const session = openSession(target.grpc);
      session.on('error', () => undefined);
      try {
        const stream = openCall(session, path);
        stream.end(bytes);
        return `grpc ${(await answerOf(stream)).grpcStatus}`;
      } finally {
        session.destroy();
      }
    });
}

async function again(
  seconds: number,
  signal: AbortSignal,
  bytes: Buffer,
  send: (bytes: Buffer) => Promise<string>,
): Promise<Counts> {
  const counts: Counts = {};
  const until = performance.now() + 1000 * seconds;
  do {
    const status = await send(bytes).catch((error: Error) => error.message);
    counts[status] = (counts[status] ?? 0) + 1;
  } while (performance.now() < until && !signal.aborted);
  return counts;
}

/** The status of the answer, whose body is read and dropped. */
function post(address: string, path: string, body: Buffer, headers: readonly string[]): Promise<string> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host);
    const lines = [`POST ${path} HTTP/1.1`, 'host: test', 'connection: close', `content-length: ${body.length}`];
    socket.write(`${[...lines, ...headers].join('\r\n')}\r\n\r\n`);
    socket.write(body);
    let status = '';
    socket.on('data', (chunk) => {
      if (status === '') status = chunk.toString('latin1').split(' ')[1] ?? 'no answer';
    });
    socket.once('close', () => resolve(status === '' ? 'no answer' : status));
    socket.once('error', reject);
  });
}
