/**
 * Whole PredictRequests, held against @bufbuild/protobuf: inputs, names and filters in any order and number; and damaged
 * ones, which must give a request or a ServingError, soon.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { PredictLayouts, type PredictRequest, readPredictRequest } from '../../src/codec/tensorflow/predict-reader.ts';
import { DATA_TYPES, dtypeOf } from '../../src/codec/tensorflow/tensor-proto/tf-dtype.ts';
import { ServingError } from '../../src/core/errors.ts';
import { decode, encode, type Fields } from '../support/proto-registry.ts';
import { anyTensor } from '../support/tensor-arbitrary.ts';
import {
  bytesField,
  fixedField,
  float32,
  predictRequest,
  shape,
  varint,
  varintField,
} from '../support/wire-fragments.ts';

const REQUEST = 'tensorflow.serving.PredictRequest';
const LIMIT = 1 << 20;
/** One for all requests, as in the service: whatever came before must not show. */
const layouts = new PredictLayouts();

/** A tensor whose bytes tell it from others. */
const tensorProto = fc
  .uint8Array({ minLength: 1, maxLength: 6 })
  .map((bytes) =>
    Buffer.concat([varintField(1, DATA_TYPES['uint8']), bytesField(2, shape(bytes.length)), bytesField(4, bytes)]),
  );
const name = fc.oneof(fc.constantFrom('', 'x', 'y'), fc.string({ unit: 'binary', maxLength: 6 }));
const unknownField = fc.constantFrom(varintField(99, 7), bytesField(98, 'abc'), fixedField(97, float32(1)));

/** An entry of the map: key and value in either order, or no key. (The library fails on an unknown field in one.) */
const input = fc
  .tuple(name, tensorProto, fc.constantFrom('key first', 'value first', 'no key'))
  .map(([text, proto, order]) => {
    const [key, value] = [bytesField(1, text), bytesField(2, proto)];
    return bytesField(
      2,
      Buffer.concat({ 'key first': [key, value], 'value first': [value, key], 'no key': [value] }[order]),
    );
  });
const filter = name.map((text) => bytesField(3, text));
const spec = fc.string({ unit: 'binary', maxLength: 6 }).map((text) => bytesField(1, bytesField(1, text)));
const fields = fc.array(fc.oneof({ weight: 4, arbitrary: input }, filter, spec, unknownField), { maxLength: 10 });

function plain({ modelSpec, inputs, outputFilter }: PredictRequest): unknown {
  const values = [...inputs].map(([key, { dtype, data }]) => [
    key,
    dtype,
    Buffer.from(data as Uint8Array).toString('hex'),
  ]);
  return { name: modelSpec.name, inputs: new Map(values.map(([key, ...rest]) => [key, rest])), outputFilter };
}

/** What the library reads, in the same words. */
function expected(message: Uint8Array): unknown {
  const { modelSpec, inputs, outputFilter } = decode(REQUEST, message) as unknown as {
    modelSpec: { name: string };
    inputs: Record<string, { dtype: number; tensorContent: Uint8Array }>;
    outputFilter: string[];
  };
  const values = Object.entries(inputs).map(([key, { dtype, tensorContent }]): [string, unknown[]] => [
    key,
    [dtypeOf(dtype), Buffer.from(tensorContent).toString('hex')],
  ]);
  return { name: modelSpec.name, inputs: new Map(values), outputFilter };
}

test('inputs, names and filters are what @bufbuild/protobuf reads, in any order', () => {
  fc.assert(
    fc.property(fields, (list) => {
      const message = Buffer.concat([bytesField(1, ''), ...list]);
      // A name that JavaScript's objects keep for themselves is nothing to compare with.
      fc.pre(!message.includes('__proto__'));
      assert.deepEqual(plain(readPredictRequest(message, LIMIT, layouts)), expected(message));
    }),
    { numRuns: 3000 },
  );
});

function readsOrRefuses(message: Uint8Array): void {
  try {
    const { inputs } = readPredictRequest(message, LIMIT, layouts);
    for (const { data } of inputs.values()) assert.ok(data.length <= LIMIT);
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
  }
}

/** Requests as clients send them, of every dtype. */
const wholeRequest = fc.array(fc.tuple(name, anyTensor), { minLength: 1, maxLength: 3 }).map((entries) => {
  const inputs: Fields = {};
  for (const [key, { dtype, shape: dims, data }] of entries) {
    const tensorShape = { dim: dims.map((size) => ({ size: BigInt(size) })) };
    const values = dtype === 'string' ? { stringVal: [...data] } : { tensorContent: data };
    inputs[`_${key}`] = { dtype: DATA_TYPES[dtype], tensorShape, ...values };
  }
  return encode(REQUEST, { modelSpec: { name: 'm' }, inputs, outputFilter: ['y'] });
});

/** Bytes put in, taken out or doubled, in several places: lengths then no longer fit what they are of. */
const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 3 }), fc.boolean()), {
  minLength: 1,
  maxLength: 6,
});

test('a request damaged in several places is read or refused with a ServingError', () => {
  fc.assert(
    fc.property(wholeRequest, edits, (request, list) => {
      let bytes = Buffer.from(request);
      for (const [at, removed, added, isDoubled] of list) {
        const place = at % (bytes.length + 1);
        const rest = bytes.subarray(isDoubled ? Math.max(0, place - removed) : place + removed);
        bytes = Buffer.concat([bytes.subarray(0, place), added, rest]);
      }
      readsOrRefuses(bytes);
    }),
    { numRuns: 5000 },
  );
});

/** What is read, or the words with which it is refused. */
function outcome(message: Uint8Array, known?: PredictLayouts): unknown {
  try {
    const { modelSpec, inputs, outputFilter } = readPredictRequest(message, LIMIT, known);
    return { modelSpec, inputs: [...inputs], outputFilter };
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return error.message;
  }
}

/** Other bytes in their places: of the elements, or of what stands around them. */
const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 });

test('a request like the one before reads as if nothing had come before', () => {
  fc.assert(
    fc.property(wholeRequest, changes, fc.nat({ max: 8 }), (request, list, offset) => {
      const learned = new PredictLayouts();
      // As the engine has messages: somewhere in memory that others use too.
      const memory = new Uint8Array(offset + request.length);
      const message = memory.subarray(offset);
      message.set(request);
      outcome(message, learned);
      for (const [at, byte] of list) message[at % message.length] = byte;
      assert.deepEqual(outcome(message, learned), outcome(message));
    }),
    { numRuns: 5000 },
  );
});

/** What would not end within the limit if each part could be looked at once for every other. */
const HANGS_MS = 60_000;
const COUNT = 50_000;
const repeated = (bytes: Buffer): Buffer => Buffer.concat(Array.from({ length: COUNT }, () => bytes));
const floats = Buffer.concat([varintField(1, DATA_TYPES['float32']), bytesField(2, shape(COUNT))]);
const int64s = Buffer.concat([varintField(1, DATA_TYPES['int64']), bytesField(2, shape(COUNT))]);
const hostile: Readonly<Record<string, Buffer>> = {
  'elements one by one': predictRequest(floats, repeated(fixedField(5, float32(1)))),
  'runs of one element': predictRequest(int64s, repeated(bytesField(10, varint(-1)))),
  'empty runs': predictRequest(floats, repeated(bytesField(5, ''))),
  'parts of one element': predictRequest(floats, ...Array.from({ length: COUNT }, () => bytesField(5, float32(1)))),
  'empty parts': predictRequest(floats, ...Array.from({ length: COUNT }, () => Buffer.alloc(0))),
  'inputs of one name': Buffer.concat([bytesField(1, ''), repeated(bytesField(2, bytesField(2, varintField(1, 3))))]),
  'specs in many parts': repeated(bytesField(1, bytesField(1, 'm'))),
};

for (const [what, message] of Object.entries(hostile)) {
  test(`${COUNT} ${what} are read`, { timeout: HANGS_MS }, () => {
    assert.ok(readPredictRequest(message, LIMIT, layouts).modelSpec.name.length <= 1);
  });
}

test('no more names are read than any model has', { timeout: HANGS_MS }, () => {
  const filters = Buffer.concat([bytesField(1, ''), repeated(bytesField(3, ''))]);
  assert.throws(() => readPredictRequest(filters, LIMIT), { message: /output_filter names more than 1000 tensors/ });
  const entry = (i: number): Buffer =>
    bytesField(2, Buffer.concat([bytesField(1, String(i)), bytesField(2, varintField(1, 3))]));
  const inputs = Buffer.concat(Array.from({ length: COUNT }, (_, i) => entry(i)));
  assert.throws(() => readPredictRequest(inputs, LIMIT), { message: /inputs names more than 1000 tensors/ });
});
