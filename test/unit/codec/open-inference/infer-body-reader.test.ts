/** The body of an infer request: what it may look like, and what is said about each fault. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import type { SharedInput } from '../../../../src/codec/open-inference/infer-request.ts';
import { type InferBody, InferBodyReader } from '../../../../src/codec/open-inference/rest/infer-body-reader.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import { elements, type Tensor } from '../../../../src/core/tensor.ts';

const MAX_BYTES = 1024 * 1024;
const reader = new InferBodyReader();

function read(json: string, tail?: Uint8Array): InferBody {
  const text = Buffer.from(json);
  if (tail === undefined) return reader.read(text, undefined, MAX_BYTES);
  return reader.read(Buffer.concat([text, tail]), text.length, MAX_BYTES);
}

function x(input: string, tail?: Uint8Array): Tensor {
  return read(`{"inputs":[{"name":"x",${input}}]}`, tail).inputs.get('x')!;
}

function valuesOf(tensor: Tensor): unknown[] {
  if (tensor.dtype === 'string') return tensor.data.map((bytes) => Buffer.from(bytes).toString('utf8'));
  return [...elements(tensor)];
}

function refusal(json: string, tail?: Uint8Array): ServingError {
  try {
    read(json, tail);
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return error;
  }
  throw new Error(`not refused: ${json}`);
}

test('every datatype with a JSON form', () => {
  const cases: readonly [string, string, unknown[]][] = [
    ['BOOL', '[true,false]', [1, 0]],
    ['UINT8', '[1,255]', [1, 255]],
    ['UINT16', '[1,65535]', [1, 65535]],
    ['UINT32', '[1,4294967295]', [1, 4294967295]],
    ['UINT64', '[1,18446744073709551615]', [1n, 18446744073709551615n]],
    ['INT8', '[-1,127]', [-1, 127]],
    ['INT16', '[-1,32767]', [-1, 32767]],
    ['INT32', '[-1,2147483647]', [-1, 2147483647]],
    ['INT64', '[-9223372036854775808,7]', [-9223372036854775808n, 7n]],
    ['FP32', '[0.1,-0.0]', [Math.fround(0.1), -0]],
    ['FP64', '[0.1,1e300]', [0.1, 1e300]],
    ['BYTES', '["é\\n",""]', ['é\n', '']],
  ];
  for (const [datatype, data, values] of cases) {
    const tensor = x(`"shape":[2],"datatype":"${datatype}","data":${data}`);
    assert.deepEqual(tensor.shape, [2]);
    assert.deepEqual(valuesOf(tensor), values, datatype);
  }
});

test('no integer is cut to what its datatype can hold', () => {
  for (const [datatype, least, most] of [
    ['INT8', -128, 127],
    ['UINT8', 0, 255],
    ['INT16', -32768, 32767],
    ['UINT16', 0, 65535],
    ['INT32', -2147483648, 2147483647],
    ['UINT32', 0, 4294967295],
  ] as const) {
    assert.deepEqual(valuesOf(x(`"shape":[2],"datatype":"${datatype}","data":[${least},${most}]`)), [least, most]);
    for (const value of [least - 1, most + 1]) {
      const json = `{"inputs":[{"name":"x","shape":[2],"datatype":"${datatype}","data":[1,${value}]}]}`;
      assert.match(
        refusal(json).message,
        new RegExp(`${value}, but input "x" wants ${datatype}.*from ${least} to ${most}`),
      );
    }
  }
});

test('NaN and infinities are numbers of FP32 and FP64', () => {
  const tensor = x('"shape":[3],"datatype":"FP32","data":[NaN,Infinity,-Infinity]');
  assert.deepEqual(valuesOf(tensor), [NaN, Infinity, -Infinity]);
  assert.match(refusal('{"inputs":[{"name":"x","shape":[1],"datatype":"INT32","data":[NaN]}]}').message, /INT32/);
});

test('keys in any order, unknown keys, and the first of two equal keys', () => {
  const body = read(
    ' {"extra":[{"a":[1]}],"outputs":[{"parameters":{"binary_data":true,"classification":2},"name":"y"},{"name":"z"}],' +
      '"inputs":[{"data":[1,2],"more":null,"datatype":"FP32","data":[9],"shape":[2],"name":"x"}],"id":"a","id":"b",' +
      '"parameters":{"priority":1,"p":"q","r":false}} ',
  );
  assert.equal(body.id, 'a');
  assert.deepEqual(
    [...body.parameters],
    [
      ['priority', 1],
      ['p', 'q'],
      ['r', false],
    ],
  );
  assert.deepEqual(valuesOf(body.inputs.get('x')!), [1, 2]);
  assert.deepEqual(
    body.outputs.map(({ name, parameters }) => [name, ...parameters]),
    [['y', ['binary_data', true], ['classification', 2]], ['z']],
  );
});

test('a null is no value', () => {
  const body = read(
    '{"id":null,"parameters":null,"outputs":null,' +
      '"inputs":[{"name":"x","parameters":null,"shape":[1],"datatype":"FP32","data":null,"data":[1]}]}',
  );
  assert.deepEqual([body.id, body.parameters.size, body.outputs, body.inputs.size], ['', 0, [], 1]);
  assert.match(refusal('{"inputs":null}').message, /Unable to parse 'inputs'/);
});

test('data is flat, or nested as the shape is', () => {
  for (const data of ['[1,2,3,4,5,6]', '[[1,2,3],[4,5,6]]', '[[[1,2,3],[4,5,6]]]', ' [ [ 1 , 2 , 3 ] , [ 4,5,6 ] ]']) {
    const tensor = x(`"shape":[1,2,3],"datatype":"INT32","data":${data}`);
    assert.deepEqual(tensor.shape, [1, 2, 3]);
    assert.deepEqual(valuesOf(tensor), [1, 2, 3, 4, 5, 6]);
  }
  const transposed = '{"inputs":[{"name":"x","shape":[2,3],"datatype":"INT32","data":[[1,2],[3,4],[5,6]]}]}';
  assert.match(refusal(transposed).message, /nested as \[3,2\], but its shape is \[2,3\]/);
  const ragged = '{"inputs":[{"name":"x","shape":[3],"datatype":"INT32","data":[[1,2],[3]]}]}';
  assert.match(refusal(ragged).message, /equally long/);
});

test('scalars, and tensors without elements', () => {
  assert.deepEqual(x('"shape":[],"datatype":"FP32","data":[5]').shape, []);
  assert.deepEqual(x('"shape":[],"datatype":"FP32","data":5').shape, []);
  assert.deepEqual(x('"shape":[0,3],"datatype":"FP32","data":[]').shape, [0, 3]);
  assert.deepEqual(x('"shape":[0],"datatype":"BYTES","data":[]').data.length, 0);
});

test('no inputs are for the model to judge', () => {
  assert.equal(read('{"inputs":[]}').inputs.size, 0);
});

test('what is wrong with a body', () => {
  const input = (fields: string): string => `{"inputs":[{${fields}}]}`;
  const cases: readonly [string, RegExp][] = [
    ['', /empty/],
    ['[]', /no JSON object/],
    ['{}', /Unable to parse 'inputs'/],
    ['{"inputs":{}}', /'inputs': it is an object/],
    ['{"inputs":[1]}', /inputs\[0\]: it is a number/],
    ['{"inputs":[]} x', /more text follows/],
    ['{"inputs":[],"id":3}', /"id": it is a number/],
    ['{"inputs":[],"outputs":{}}', /'outputs'/],
    ['{"inputs":[],"outputs":[{}]}', /'name': outputs\[0\]/],
    ['{"inputs":[],"parameters":[]}', /parameters: it is a list/],
    ['{"inputs":[],"parameters":{"a":null}}', /parameters\.a: it is null/],
    ['{"inputs":[],"parameters":{"a":1,"a":1}}', /twice/],
    ['{"inputs":[],"parameters":{"triton_x":1}}', /'triton_' are reserved/],
    [input('"shape":[1],"datatype":"FP32","data":[1]'), /'name': inputs\[0\]/],
    [input('"name":"x","datatype":"FP32","data":[1]'), /'shape': inputs\[0\]/],
    [input('"name":"x","shape":[1],"data":[1]'), /'datatype': inputs\[0\]/],
    [input('"name":"x","shape":[1],"datatype":"FP31","data":[1]'), /FP31.*BYTES/],
    [input('"name":"x","shape":[1],"datatype":"FP32"'), /But no field is set of input "x"/],
    [input('"name":"x","shape":[-1],"datatype":"FP32","data":[1]'), /shape has -1/],
    [input('"name":"x","shape":[1.0],"datatype":"FP32","data":[1]'), /shape has 1\.0/],
    [input('"name":"x","shape":"1","datatype":"FP32","data":[1]'), /shape: it is a string/],
    [input('"name":"x","shape":[1e3],"datatype":"FP32","data":[1]'), /shape has 1e3/],
    [input('"name":"x","shape":[3],"datatype":"FP32","data":[1,2]'), /has 2 elements, but its shape is \[3\]/],
    [input('"name":"x","shape":[1],"datatype":"FP32","data":[1,2]'), /has 2 elements/],
    [input('"name":"x","shape":[1],"datatype":"FP32","data":1'), /single value/],
    [input('"name":"x","shape":[1],"datatype":"FP32","data":["a"]'), /a string, but input "x" wants FP32/],
    [input('"name":"x","shape":[1],"datatype":"INT32","data":[1.5]'), /1\.5/],
    [input('"name":"x","shape":[1],"datatype":"BYTES","data":[1]'), /a number, but input "x" wants BYTES/],
    [input('"name":"x","shape":[1],"datatype":"FP16","data":[1]'), /receiving FP16 data via JSON.*binary/],
    [input('"name":"x","shape":[1],"datatype":"BF16","data":[1]'), /receiving BF16 data via JSON.*binary/],
    [
      input('"name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4}'),
      /But set 'data' 'binary_data_size'/,
    ],
    [input('"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}'), /no header/],
    [`{"inputs":[${'['.repeat(200)}`, /nesting depth/],
    [`{"inputs":[],"x":${'['.repeat(110)}${']'.repeat(110)}}`, /nesting depth exceeds maximum allowed limit \(100\)/],
  ];
  for (const [json, text] of cases) {
    const error = refusal(json);
    assert.equal(error.kind, 'invalid_request', json);
    assert.match(error.message, text, json);
  }
});

test('a name of any length leaves an error readable', () => {
  const name = 'x'.repeat(60_000);
  const one = `{"name":"${name}","shape":[1],"datatype":"INT32","data":[1]}`;
  for (const json of [
    `{"inputs":[${one},${one}]}`,
    `{"inputs":[${one.replace('INT32', 'NONE')}]}`,
    `{"inputs":[${one.replace('INT32', 'FP16')}]}`,
    `{"inputs":[${one.replace('"data":[1]', '"parameters":{"binary_data_size":4}')}]}`,
  ]) {
    const { message } = refusal(json, json.includes('binary') ? Buffer.alloc(0) : undefined);
    assert.ok(message.includes('x'.repeat(100)) && message.length < 500, message.slice(0, 500));
  }
});

test('a name that stands twice, and shared memory', () => {
  const one = '{"name":"x","shape":[1],"datatype":"FP32","data":[1]}';
  assert.match(refusal(`{"inputs":[${one},${one}]}`).message, /'x' already exists in request/);
  const shared = '"shape":[1],"datatype":"FP32","data":[1],"parameters":{"shared_memory_region":"r"}';
  assert.match(refusal(`{"inputs":[{"name":"x",${shared}}]}`).message, /in "data", beside a shared memory region/);
});

test('inputs in shared memory stand apart, and count as if they were sent', () => {
  const parameters = '"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}';
  const json = `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32",${parameters}},
    {"name":"y","shape":[1],"datatype":"FP32","data":[1]}]}`;
  const { inputs, sharedInputs = [] } = read(json);
  assert.deepEqual([...inputs.keys()], ['y']);
  const [{ name, dtype, shape, parameters: place }] = sharedInputs as [SharedInput];
  assert.deepEqual([name, dtype, shape], ['x', 'float32', [2]]);
  assert.deepEqual(
    [...place],
    [
      ['shared_memory_region', 'r'],
      ['shared_memory_byte_size', 8],
    ],
  );
  const sent = json.replace('"parameters":{', '"parameters":{"binary_data_size":8,');
  assert.match(refusal(sent, Buffer.alloc(8)).message, /in the binary part, beside/);
  assert.equal(refusal(json.replace('[2]', '[999999999]')).kind, 'too_large');
});

test('shapes whose product is beyond any memory reserve none', () => {
  for (const shape of ['[4294967296,4294967296]', '[999999999999999,999999999999999,999999999999999]']) {
    for (const datatype of ['FP32', 'BYTES', 'INT8']) {
      const json = `{"inputs":[{"name":"x","shape":${shape},"datatype":"${datatype}","data":[1]}]}`;
      assert.equal(refusal(json).kind, 'too_large');
      const binary = json.replace('"data":[1]', '"parameters":{"binary_data_size":4}');
      assert.equal(refusal(binary, Buffer.alloc(4)).kind, 'too_large');
    }
  }
  assert.equal(
    refusal('{"inputs":[{"name":"x","shape":[9999999999999999],"datatype":"INT8","data":[1]}]}').kind,
    'invalid_request',
  );
});

test('binary tensors are views behind the JSON, in its order, beside tensors in JSON', () => {
  const numbers = Buffer.from(new Float32Array([1.5, -2]).buffer);
  const texts = Buffer.from([2, 0, 0, 0, 0x61, 0x62, 0, 0, 0, 0]);
  const json =
    '{"inputs":[{"name":"a","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}},' +
    '{"name":"b","shape":[1],"datatype":"INT8","data":[7]},' +
    '{"name":"c","shape":[1,2],"datatype":"BYTES","parameters":{"binary_data_size":10}}]}';
  const { inputs } = read(json, Buffer.concat([numbers, texts]));
  assert.deepEqual(valuesOf(inputs.get('a')!), [1.5, -2]);
  assert.deepEqual(valuesOf(inputs.get('b')!), [7]);
  assert.deepEqual(valuesOf(inputs.get('c')!), ['ab', '']);
  const half = Buffer.from([0, 0x3c]);
  assert.deepEqual(x('"shape":[1],"datatype":"FP16","parameters":{"binary_data_size":2}', half).data, half);
});

test('binary sizes that do not agree', () => {
  const of = (size: string, shape = '[2]', datatype = 'FP32'): string =>
    `{"inputs":[{"name":"x","shape":${shape},"datatype":"${datatype}","parameters":{"binary_data_size":${size}}}]}`;
  const cases: readonly [string, Uint8Array, RegExp][] = [
    [of('8'), Buffer.alloc(7), /expecting 1 additional bytes/],
    [of('8'), Buffer.alloc(9), /unexpected additional input data: 1 bytes/],
    [of('4'), Buffer.alloc(4), /Expected 8, got 4: .* takes 8 bytes/],
    [of('-1'), Buffer.alloc(0), /no whole number/],
    [of('"8"'), Buffer.alloc(8), /no whole number/],
    [of('8.5'), Buffer.alloc(8), /no whole number/],
    [of('9007199254740991'), Buffer.alloc(8), /additional bytes/],
    [of('3', '[1]', 'BYTES'), Buffer.alloc(3), /ends within element 0/],
    [of('8', '[1]', 'BYTES'), Buffer.alloc(8), /goes on after element 0/],
    [of('4', '[1]', 'BYTES'), Buffer.from([255, 255, 255, 255]), /ends within element 0/],
  ];
  for (const [json, tail, text] of cases) assert.match(refusal(json, tail).message, text, json);
});

test('more inputs, outputs or parameters than any model has', () => {
  const many = (item: (i: number) => string): string => Array.from({ length: 1001 }, (_, i) => item(i)).join(',');
  const inputs = many((i) => `{"name":"${i}","shape":[1],"datatype":"INT8","data":[1]}`);
  assert.match(refusal(`{"inputs":[${inputs}]}`).message, /1000/);
  assert.match(refusal(`{"inputs":[],"outputs":[${many((i) => `{"name":"${i}"}`)}]}`).message, /1000/);
  assert.match(refusal(`{"inputs":[],"parameters":{${many((i) => `"${i}":1`)}}}`).message, /1000/);
});
