/**
 * PredictRequest bytes → tensors, held against @bufbuild/protobuf and TensorFlow's reading rules written out again here.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { readPredictRequest } from '../../src/codec/tensorflow/predict-reader.ts';
import { DATA_TYPES, dtypeOf } from '../../src/codec/tensorflow/tensor-proto/tf-dtype.ts';
import { bytesPerElement, type DType, typedArrayOf } from '../../src/core/dtype.ts';
import { ServingError } from '../../src/core/errors.ts';
import { numericTensor, type Tensor } from '../../src/core/tensor.ts';
import { decode, encode, type Fields } from '../support/proto-registry.ts';
import { anyTensor, describeTensor } from '../support/tensor-arbitrary.ts';
import { VALUE_NAMES, valuesOf } from '../support/tensor-proto-values.ts';
import {
  bytesField,
  fixedField,
  float32,
  float64,
  predictRequest,
  shape,
  varint,
  varintField,
} from '../support/wire-fragments.ts';

const LIMIT = 1 << 20;

/** TensorFlow's rules over a decoded TensorProto; undefined where it fails to parse. */
function expectedTensor(proto: Fields): Tensor | undefined {
  const dtype = dtypeOf(proto['dtype'] as number);
  if (dtype === undefined) return undefined;
  const shapeProto = proto['tensorShape'] as { dim: { size: bigint }[]; unknownRank: boolean } | undefined;
  const isScalar = shapeProto === undefined || shapeProto.unknownRank;
  const dims = shapeProto?.dim.map((dim) => Number(dim.size)) ?? [];
  const sizes = isScalar ? [] : dims;
  if (sizes.some((size) => size < 0)) return undefined;
  const count = sizes.reduce((product, size) => product * size, 1);
  const content = proto['tensorContent'] as Uint8Array;
  if (content.length > 0) return contentTensor(dtype, sizes, count, content);
  const values = proto[VALUE_NAMES[dtype]] as unknown[];
  const filled = Array.from({ length: count }, (_, i) => values[Math.min(i, values.length - 1)]);
  if (dtype === 'string') {
    return { dtype, shape: sizes, data: filled.map((value) => (value as Uint8Array | undefined) ?? new Uint8Array(0)) };
  }
  const is64Bit = dtype === 'int64' || dtype === 'uint64';
  const array = new (typedArrayOf(dtype))(count);
  filled.forEach((value, i) => {
    array[i] = (is64Bit ? ((value as bigint | undefined) ?? 0n) : Number(value ?? 0)) as never;
  });
  return numericTensor(dtype, sizes, array);
}

function contentTensor(dtype: DType, dims: number[], count: number, content: Uint8Array): Tensor | undefined {
  if (dtype !== 'string') {
    return content.length === count * bytesPerElement(dtype) ? { dtype, shape: dims, data: content } : undefined;
  }
  // Here only one-byte lengths occur.
  const lengths = [...content.subarray(0, count)];
  if (lengths.length < count || lengths.some((length) => length > 127)) return undefined;
  const data: Uint8Array[] = [];
  let start = count;
  for (const length of lengths) {
    data.push(content.subarray(start, start + length));
    start += length;
  }
  return start === content.length ? { dtype, shape: dims, data } : undefined;
}

/** What we read: the tensor, or undefined for a ServingError. Anything else thrown fails the test. */
function readInput(message: Uint8Array): Tensor | undefined {
  try {
    return readPredictRequest(message, LIMIT).inputs.get('x');
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return undefined;
  }
}

const padding = fc.nat({ max: 3 });
const smallFloat = fc.float({ noNaN: true });

/** One field of a TensorProto, in any form that the wire allows it. */
const fragment: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 9, 10, 14, 17, 19, 22, 23).map((type) => varintField(1, type)),
  fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 2 }).map((dims) => bytesField(2, shape(...dims))),
  fc.constant(bytesField(2, shape(-1))),
  fc.boolean().map((is) => bytesField(2, varintField(3, is ? 1 : 0))),
  fc.uint8Array({ maxLength: 8 }).map((content) => bytesField(4, content)),
  fc.array(smallFloat, { maxLength: 3 }).map((values) => bytesField(5, Buffer.concat(values.map(float32)))),
  smallFloat.map((value) => fixedField(5, float32(value))),
  fc.array(smallFloat, { maxLength: 3 }).map((values) => bytesField(6, Buffer.concat(values.map(float64)))),
  smallFloat.map((value) => fixedField(6, float64(value))),
  fc.uint8Array({ maxLength: 5 }).map((value) => bytesField(8, value)),
  fc
    .tuple(
      fc.constantFrom(7, 10, 11, 13, 16, 17),
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 3 }),
      padding,
    )
    .map(([field, values, pad]) => bytesField(field, Buffer.concat(values.map((value) => varint(value, pad))))),
  fc
    .tuple(fc.constantFrom(7, 10, 11, 13, 16, 17), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), padding)
    .map(([field, value, pad]) => varintField(field, value, pad)),
  // Unknown fields of each wire type, and fields that we know and do not read.
  fc.constantFrom(varintField(99, 7), bytesField(98, 'abc'), fixedField(97, float32(1)), fixedField(96, float64(1))),
  fc.constantFrom(
    varintField(3, 5),
    bytesField(9, float32(1)),
    bytesField(18, 'f8'),
    bytesField(14, bytesField(1, 'cpu')),
  ),
);

const parts: fc.Arbitrary<Buffer[]> = fc.array(
  fc.array(fragment, { maxLength: 5 }).map((fragments) => Buffer.concat(fragments)),
  { minLength: 1, maxLength: 3 },
);

test('odd encodings are read as protobuf and TensorFlow read them', () => {
  let readable = 0;
  const property = fc.property(parts, (split) => {
    // Parts of one submessage merge as if they stood in one.
    const expected = expectedTensor(decode('tensorflow.TensorProto', Buffer.concat(split)));
    const actual = readInput(predictRequest(...split));
    if (expected !== undefined) readable += 1;
    assert.deepEqual(actual && describeTensor(actual), expected && describeTensor(expected));
  });
  fc.assert(property, { numRuns: 3000 });
  assert.ok(readable > 300, `only ${readable} readable messages were generated`);
});

test('a tensor that @bufbuild/protobuf wrote is read bit by bit, from typed fields and from tensor_content', () => {
  const hasNaN = (tensor: Tensor): boolean => valuesOf(tensor).some((value) => Number.isNaN(value));
  const property = fc.property(anyTensor, fc.boolean(), (tensor, asContent) => {
    // Through a JavaScript number a NaN may lose its payload: its bytes are only told by tensor_content.
    fc.pre(asContent ? tensor.dtype !== 'string' : !hasNaN(tensor));
    const dim = tensor.shape.map((size) => ({ size: BigInt(size) }));
    const payload = asContent ? { tensorContent: tensor.data } : { [VALUE_NAMES[tensor.dtype]]: valuesOf(tensor) };
    const proto = { dtype: DATA_TYPES[tensor.dtype], tensorShape: { dim }, ...payload };
    const message = encode('tensorflow.serving.PredictRequest', { modelSpec: { name: 'm' }, inputs: { x: proto } });
    assert.deepEqual(describeTensor(readInput(message)!), describeTensor(tensor));
  });
  fc.assert(property, { numRuns: 1000 });
});

test('a message cut off at any byte, or with any byte changed, gives a ServingError or a request, and nothing else', () => {
  const property = fc.property(parts, fc.nat(), fc.nat({ max: 255 }), (split, at, byte) => {
    const message = predictRequest(...split);
    for (let length = 0; length <= message.length; length++) readInput(message.subarray(0, length));
    const changed = Buffer.from(message);
    changed[at % changed.length] = byte;
    readInput(changed);
  });
  fc.assert(property, { numRuns: 500 });
});

test('random bytes give a ServingError or a request', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      readInput(bytes);
      readInput(predictRequest(bytes));
    }),
    { numRuns: 3000 },
  );
});

test('what is read never takes more than the limit', () => {
  const dims = fc.array(fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })), { maxLength: 6 });
  const types = fc.constantFrom<DType>('float32', 'string', 'int64', 'bool', 'int8');
  const property = fc.property(types, dims, (dtype, sizes) => {
    const proto = Buffer.concat([varintField(1, DATA_TYPES[dtype]), bytesField(2, shape(...sizes))]);
    const tensor = readInput(predictRequest(proto));
    if (tensor === undefined) return;
    const size = tensor.dtype === 'string' ? tensor.data.length * 64 : tensor.data.byteLength;
    assert.ok(size <= LIMIT);
  });
  fc.assert(property, { numRuns: 500 });
});

test('the model spec is read as @bufbuild/protobuf reads it', () => {
  const label = fc.string().map((text) => bytesField(4, text));
  const version = fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => bytesField(2, varintField(1, value)));
  const other = fc.tuple(fc.constantFrom(1, 3), fc.string()).map(([field, text]) => bytesField(field, text));
  const spec = fc.array(
    fc.oneof(label, version, other, fc.constant(bytesField(2, '')), fc.constant(varintField(9, 1))),
    { maxLength: 6 },
  );
  const property = fc.property(spec, fc.nat(), (fields, cut) => {
    const at = cut % (fields.length + 1);
    const split = [fields.slice(0, at), fields.slice(at)].map((half) => bytesField(1, Buffer.concat(half)));
    const bytes = Buffer.concat(split);
    const expected = decode('tensorflow.serving.PredictRequest', bytes)['modelSpec'] as Fields;
    const choice = expected['versionChoice'] as { case?: string; value?: unknown };
    const { modelSpec } = readPredictRequest(bytes, LIMIT);
    assert.deepEqual(
      { ...modelSpec },
      {
        name: expected['name'],
        version:
          choice.case === 'version'
            ? typeof choice.value === 'bigint'
              ? choice.value
              : (choice.value as { value: bigint }).value
            : undefined,
        label: choice.case === 'versionLabel' ? choice.value : undefined,
        signatureName: expected['signatureName'],
      },
    );
  });
  fc.assert(property, { numRuns: 1000 });
});
