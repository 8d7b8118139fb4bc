/** ModelInferRequest bytes → tensors: what is read, and what a hostile or careless client is told. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { InferRequest } from '../../../../src/codec/open-inference/infer-request.ts';
import { readInferId, readInferRequest } from '../../../../src/codec/open-inference/infer-request-reader.ts';
import { type ErrorKind, ServingError } from '../../../../src/core/errors.ts';
import { encode, type Fields } from '../../../support/proto-registry.ts';
import { describeTensor } from '../../../support/tensor-arbitrary.ts';
import { bytesField, float32, varint, varintField } from '../../../support/wire-fragments.ts';

const LIMIT = 1 << 20;

const read = (fields: Fields, limit = LIMIT): InferRequest => readInferRequest(encodeRequest(fields), limit);

function encodeRequest(fields: Fields): Uint8Array {
  return encode('inference.ModelInferRequest', { modelName: 'm', ...fields });
}

const input = (name: string, datatype: string, shape: readonly number[], contents?: Fields): Fields => ({
  ...{ name, datatype, shape: shape.map(BigInt) },
  ...(contents !== undefined && { contents }),
});

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

/** Strings as raw contents have them. */
const strings = (...values: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat(
    values.flatMap((value) => {
      const bytes = Buffer.from(value as string);
      return [Buffer.from(Uint32Array.of(bytes.length).buffer), bytes];
    }),
  );

const IN_REGION = { shared_memory_region: { parameterChoice: { case: 'stringParam', value: 'r' } } };

function refusal(run: () => unknown): ServingError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ServingError, String(error));
    return error;
  }
  throw new Error('it was not refused');
}

describe('a ModelInferRequest', () => {
  it('has inputs in shared memory beside raw ones, which are in the order of the others', () => {
    const { inputs, sharedInputs } = read({
      inputs: [
        input('a', 'FP32', [1]),
        { ...input('s', 'INT64', [2]), parameters: IN_REGION },
        input('b', 'FP32', [1]),
      ],
      rawInputContents: [floats(1), floats(2)],
    });
    assert.deepEqual([...inputs.keys()], ['a', 'b']);
    assert.deepEqual(
      describeTensor(inputs.get('b')!),
      describeTensor({ dtype: 'float32', shape: [1], data: floats(2) }),
    );
    const parameters = new Map([['shared_memory_region', 'r']]);
    assert.deepEqual(sharedInputs, [{ name: 's', dtype: 'int64', shape: [2], parameters }]);
  });

  it('gives all that it says beside tensors', () => {
    const request = read({
      ...{ modelVersion: '3', id: 'r-1' },
      parameters: {
        timeout: { parameterChoice: { case: 'int64Param', value: 5_000_000n } },
        priority: { parameterChoice: { case: 'uint64Param', value: 2n ** 64n - 1n } },
        flag: { parameterChoice: { case: 'boolParam', value: false } },
        text: { parameterChoice: { case: 'stringParam', value: 'a' } },
        real: { parameterChoice: { case: 'doubleParam', value: 0.5 } },
        nothing: {},
      },
      outputs: [
        { name: 'b' },
        { name: 'a', parameters: { n: { parameterChoice: { case: 'int64Param', value: -1n } } } },
      ],
    });
    assert.deepEqual([request.modelName, request.modelVersion, request.id], ['m', '3', 'r-1']);
    assert.deepEqual([...request.parameters].sort(), [
      ['flag', false],
      ['priority', 2n ** 64n - 1n],
      ['real', 0.5],
      ['text', 'a'],
      ['timeout', 5_000_000n],
    ]);
    assert.deepEqual(
      request.outputs.map(({ name, parameters }) => [name, [...parameters]]),
      [
        ['b', []],
        ['a', [['n', -1n]]],
      ],
    );
    assert.equal(request.inputs.size, 0);
  });

  it('has raw contents as views of the message, in the order of the inputs', () => {
    const message = encodeRequest({
      inputs: [input('x', 'FP32', [2]), input('s', 'BYTES', [2]), input('h', 'FP16', [1])],
      rawInputContents: [floats(1, 2), strings('ab', ''), Buffer.from([0, 60])],
    });
    const { inputs } = readInferRequest(message, LIMIT);
    assert.deepEqual([...inputs.keys()], ['x', 's', 'h']);
    const x = inputs.get('x')!;
    assert.ok(x.dtype === 'float32' && x.data.buffer === message.buffer, 'it is not copied');
    assert.deepEqual(describeTensor(inputs.get('s')!), { dtype: 'string', shape: [2], data: ['6162', ''] });
    assert.deepEqual(describeTensor(inputs.get('h')!), { dtype: 'float16', shape: [1], data: '003c' });
  });

  it('has packed floats as a view, and unpacked or split ones as a copy', () => {
    const head = Buffer.concat([bytesField(1, 'x'), bytesField(2, 'FP32'), bytesField(3, varint(3))]);
    const packed = bytesField(5, bytesField(6, floats(1, 2, 3)));
    const parts = Buffer.concat([
      bytesField(5, bytesField(6, floats(1))),
      bytesField(5, Buffer.concat([Buffer.from([(6 << 3) | 5]), float32(2), bytesField(6, floats(3))])),
    ]);
    for (const contents of [packed, parts]) {
      const message = Buffer.concat([bytesField(1, 'm'), bytesField(5, Buffer.concat([head, contents]))]);
      const { inputs } = readInferRequest(message, LIMIT);
      assert.deepEqual(describeTensor(inputs.get('x')!), {
        ...{ dtype: 'float32', shape: [3] },
        data: floats(1, 2, 3).toString('hex'),
      });
    }
  });

  it('takes an empty contents beside raw ones, and no elements for an empty tensor', () => {
    const beside = read({ inputs: [input('x', 'FP32', [1], {})], rawInputContents: [floats(1)] });
    assert.deepEqual(describeTensor(beside.inputs.get('x')!), { dtype: 'float32', shape: [1], data: '0000803f' });
    const { inputs } = read({ inputs: [input('x', 'INT64', [0, 3]), input('s', 'BYTES', [2, 0])] });
    assert.deepEqual(
      [...inputs.values()].map(({ data }) => data.length),
      [0, 0],
    );
  });

  it('has a scalar for a shape without dims', () => {
    const { inputs } = read({ inputs: [input('x', 'BOOL', [], { boolContents: [true] })] });
    assert.deepEqual(describeTensor(inputs.get('x')!), { dtype: 'bool', shape: [], data: '01' });
  });

  it('has its id read even where the rest cannot be', () => {
    assert.equal(readInferId(Buffer.concat([bytesField(3, 'r-1'), Buffer.from([0xff])])), 'r-1');
    assert.equal(readInferId(Buffer.from([0xff])), '');
  });
});

const RAW = (inputs: readonly Fields[], ...rawInputContents: Buffer[]): Fields => ({ inputs, rawInputContents });
const X = input('x', 'FP32', [2]);

describe('a ModelInferRequest is refused', () => {
  for (const [what, fields, text, kind = 'invalid_request'] of [
    [
      'raw contents too short',
      RAW([X], floats(1)),
      /^input byte size mismatch for input 'x'\. Expected 8, got 4: FP32 \[2\] takes 8 .*; send/,
    ],
    ['raw contents too long', RAW([X], floats(1, 2, 3)), /Expected 8, got 12: .* takes 8/],
    ['too few raw contents', RAW([X, input('y', 'FP32', [1])], floats(1, 2)), /has 1 entries.* 2 inputs: "x", "y"/],
    ['too many raw contents', RAW([X], floats(1, 2), floats(1)), /has 2 entries, but there are 1 inputs: "x"/],
    [
      'both forms',
      RAW([X, input('y', 'FP32', [1], { fp32Contents: [1] })], floats(1, 2)),
      /^contents field must not be specified when using raw_input_contents for 'y' for model '[^']*'; send all/,
    ],
    [
      'no elements',
      { inputs: [X] },
      /^unable to find data for input tensor 'x' for model '[^']*' in request; send its elements in contents, or all/,
    ],
    [
      'an input twice',
      RAW([X, X], floats(1, 2), floats(1, 2)),
      /^input 'x' already exists in request; send each input once/,
    ],
    [
      'an unknown datatype',
      RAW([input('x', 'FLOAT', [1])], floats(1)),
      /^invalid datatype for input x: it has the datatype "FLOAT"; send one of BOOL, /,
    ],
    ['no datatype', RAW([input('x', '', [1])], floats(1)), /input x: it has no datatype; send one of/],
    [
      'a negative dim',
      RAW([input('x', 'FP32', [-1])], floats(1)),
      /"x" has the shape \[-1\]; a tensor's dims are 0 or/,
    ],
    [
      'dims that overflow',
      RAW([input('x', 'FP32', [2 ** 40, 2 ** 40])], floats(1)),
      /takes [\d.e+]+ bytes/,
      'too_large',
    ],
    ['a dim beyond 2^53', RAW([input('x', 'INT8', [2 ** 60])], floats(1)), /less than 2\^53/, 'too_large'],
    [
      'too many dims',
      RAW([input('x', 'FP32', new Array<number>(255).fill(1))], floats(1)),
      /"x" has more than 254 dims/,
    ],
    ['strings for gigabytes', RAW([input('s', 'BYTES', [2 ** 30])], strings('a')), /"s" as string/, 'too_large'],
    [
      'a string cut off',
      RAW([input('s', 'BYTES', [1])], Buffer.from([5, 0, 0, 0, 65])),
      /ends within element 0; send each/,
    ],
    [
      'a length cut off',
      RAW([input('s', 'BYTES', [2])], Buffer.concat([strings('a'), Buffer.of(1, 0)])),
      /within element 1/,
    ],
    ['a length of 4 GiB', RAW([input('s', 'BYTES', [1])], Buffer.alloc(8, 0xff)), /ends within element 0/],
    ['too few strings', RAW([input('s', 'BYTES', [3])], strings('a', 'b')), /has 2 elements, and its shape has 3/],
    ['too many strings', RAW([input('s', 'BYTES', [1])], strings('a', 'b')), /goes on after element 0, the last one/],
    [
      'too few typed elements',
      { inputs: [input('x', 'FP32', [2], { fp32Contents: [1] })] },
      /"x" has 1 elements in fp32_c/,
    ],
    [
      'too many typed elements',
      { inputs: [input('x', 'INT8', [1], { intContents: [1, 2] })] },
      /has 2 elements in int_c/,
    ],
    [
      'the field of another datatype',
      { inputs: [input('x', 'INT32', [1], { fp32Contents: [1] })] },
      /tensor 'x' in fp32_contents, expected datatype 'INT32'; send them in int_contents/,
    ],
    [
      'two fields',
      { inputs: [input('x', 'INT32', [1], { intContents: [1], int64Contents: [1n] })] },
      /tensor 'x' in int64_contents, expected datatype 'INT32'/,
    ],
    [
      'typed FP16',
      { inputs: [input('x', 'FP16', [1], { fp32Contents: [1] })] },
      /FP16, which has no field in contents; send/,
    ],
    [
      'typed BF16',
      { inputs: [input('x', 'BF16', [1], { fp32Contents: [1] })] },
      /BF16, which has no field in contents/,
    ],
    [
      'INT8 of 300',
      { inputs: [input('x', 'INT8', [2], { intContents: [1, 300] })] },
      /element 1, is 300, which INT8 cannot/,
    ],
    [
      'UINT16 of 70000',
      { inputs: [input('x', 'UINT16', [1], { uintContents: [70000] })] },
      /70000, which UINT16 cannot hold/,
    ],
    [
      'elements beside shared memory',
      { inputs: [{ ...input('x', 'FP32', [1], { fp32Contents: [1] }), parameters: IN_REGION }] },
      /has elements in contents, beside a shared memory region/,
    ],
    [
      'more shared memory than tensors may take',
      { inputs: [{ ...input('x', 'FP32', [2 ** 30]), parameters: IN_REGION }] },
      /tensors may take/,
      'too_large',
    ],
  ] as readonly (readonly [string, Fields, RegExp, ErrorKind?])[]) {
    it(`with ${what}`, () => {
      const error = refusal(() => read(fields));
      assert.equal(error.kind, kind);
      assert.match(error.message, text);
    });
  }

  it('with more names than any model has', () => {
    const many = Array.from({ length: 1001 }, (_, i) => input(`x${i}`, 'FP32', [0]));
    assert.match(refusal(() => read({ inputs: many })).message, /^inputs has more than 1000 entries/);
    const outputs = many.map(({ name }) => ({ name }));
    assert.match(refusal(() => read({ outputs })).message, /^outputs has more than 1000 entries/);
    const parameters = Object.fromEntries(
      many.map(({ name }) => [name, { parameterChoice: { case: 'boolParam', value: true } }]),
    );
    assert.match(refusal(() => read({ parameters })).message, /^parameters has more than 1000 entries/);
  });

  it('with more parameters of all tensors than any model has', () => {
    const entries = Array.from({ length: 900 }, (_, i) => [
      `p${i}`,
      { parameterChoice: { case: 'boolParam', value: true } },
    ]);
    const parameters = Object.fromEntries(entries);
    const text = /^a request with its tensors has more than 4000 parameters/;
    const five = Array.from({ length: 5 }, (_, i) => ({ ...input(`x${i}`, 'FP32', [0]), name: `x${i}`, parameters }));
    assert.equal(read({ inputs: five.slice(1) }).inputs.size, 4);
    assert.match(refusal(() => read({ inputs: five })).message, text);
    const outputs = five.map(({ name }) => ({ name, parameters }));
    assert.match(refusal(() => read({ inputs: five.slice(0, 1), outputs })).message, text);
  });

  for (const [field, long] of [
    ['model_name', bytesField(1, Buffer.alloc(65_537, 'a'))],
    ['model_version', bytesField(2, Buffer.alloc(65_537, '1'))],
    ['id', bytesField(3, Buffer.alloc(65_537, 'a'))],
    ['a name in parameters', bytesField(4, bytesField(1, Buffer.alloc(65_537, 'a')))],
    ['the name of a tensor', bytesField(5, bytesField(1, Buffer.alloc(65_537, 'a')))],
    ['a datatype', bytesField(5, bytesField(2, Buffer.alloc(65_537, 'a')))],
    ['the name of an output', bytesField(6, bytesField(1, Buffer.alloc(65_537, 'a')))],
  ] as const) {
    it(`with a text that nobody needs so long: ${field}`, () => {
      const { message } = refusal(() => readInferRequest(long, LIMIT));
      assert.equal(message, `${field} has 65537 bytes; send at most 65536`);
    });
  }

  it('with elements in so many parts that their list would fill the memory', () => {
    const contents = (parts: number): Buffer =>
      Buffer.concat([
        ...[bytesField(1, 'x'), bytesField(2, 'INT32'), bytesField(3, varint(parts))],
        Buffer.alloc(4 * parts, bytesField(5, varintField(2, 1))),
      ]);
    assert.equal(readInferRequest(bytesField(5, contents(1000)), LIMIT).inputs.size, 1);
    const error = refusal(() => readInferRequest(bytesField(5, contents(1001)), LIMIT));
    assert.match(error.message, /^contents of a tensor has more than 1000 entries/);
  });

  it('with more than its tensors may take together', () => {
    const fields = RAW([input('x', 'FP64', [8]), input('y', 'FP64', [8])], Buffer.alloc(64), Buffer.alloc(64));
    assert.equal(read(fields, 128).inputs.size, 2);
    const error = refusal(() => read(fields, 127));
    assert.equal(error.kind, 'too_large');
    assert.match(error.message, /^input "y".* takes 64 bytes, and a request's tensors may take 127 together/);
  });

  it('at whatever byte it breaks off', () => {
    const message = encodeRequest({ inputs: [input('x', 'INT32', [2], { intContents: [1, -2] })], id: 'r' });
    for (let end = 1; end < message.length; end++) {
      try {
        readInferRequest(message.subarray(0, end), LIMIT);
      } catch (error) {
        assert.ok(error instanceof ServingError, String(error));
        assert.equal(error.kind, 'invalid_request');
      }
    }
  });

  it('with runs of elements so small that their list would fill the memory, at no cost in memory', () => {
    const tiny = Buffer.alloc(400_000, varintField(2, 1));
    const head = Buffer.concat([bytesField(1, 'x'), bytesField(2, 'INT32'), bytesField(3, varint(1))]);
    const message = Buffer.concat([bytesField(1, 'm'), bytesField(5, Buffer.concat([head, bytesField(5, tiny)]))]);
    assert.match(refusal(() => readInferRequest(message, LIMIT)).message, /"x" has 200000 elements in int_contents/);
  });
});

describe('the id of a request that is refused', () => {
  it('is the last one', () => {
    assert.equal(readInferId(Buffer.concat([bytesField(3, 'a'), bytesField(7, 'raw'), bytesField(3, 'b')])), 'b');
  });

  it('is looked for among as many fields as a request may have, and no more', () => {
    const unknown = (count: number): Buffer => Buffer.alloc(2 * count, varintField(15, 1));
    assert.equal(readInferId(Buffer.concat([unknown(4999), bytesField(3, 'a')])), 'a');
    assert.equal(readInferId(Buffer.concat([unknown(5000), bytesField(3, 'a')])), '');
  });

  it('is no long text', () => {
    assert.equal(readInferId(bytesField(3, Buffer.alloc(65_537, 'a'))), '');
  });
});
