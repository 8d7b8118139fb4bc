/** The remote backend against a server of the Open Inference Protocol. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import { NUMERIC_DTYPES, type NumericDType } from '../../../../src/core/dtype.ts';
import { elements, type NumericTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { type Message, openInferenceServer } from '../../../support/open-inference-server.ts';
import { openRemote } from '../../../support/remote-models.ts';

const DATATYPES: Readonly<Record<NumericDType | 'string', string>> = {
  float32: 'FP32',
  float64: 'FP64',
  float16: 'FP16',
  bfloat16: 'BF16',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  bool: 'BOOL',
  string: 'BYTES',
};
const NAMES = [...NUMERIC_DTYPES, 'string'] as const;

/** One input and one output of each datatype, of two columns and any number of rows. */
const METADATA = {
  name: 'm',
  versions: ['4'],
  platform: 'p',
  inputs: NAMES.map((name) => ({ name, datatype: DATATYPES[name], shape: [-1, 2] })),
  outputs: NAMES.map((name) => ({ name: `${name}_out`, datatype: DATATYPES[name], shape: [-1, 2] })),
};

const STRINGS = [Uint8Array.of(0, 0xff), new Uint8Array(0)];

function inputsOf(): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>();
  for (const dtype of NUMERIC_DTYPES) {
    const bytes = Buffer.alloc(2 * bytesOf(dtype));
    bytes[0] = 1;
    // The highest bit of the second element: −128 as an int8. A bool has no such value.
    bytes[bytes.length - 1] = dtype === 'bool' ? 1 : 0x80;
    inputs.set(dtype, { dtype, shape: [1, 2], data: new Uint8Array(bytes) });
  }
  return inputs.set('string', { dtype: 'string', shape: [1, 2], data: STRINGS });
}

function bytesOf(dtype: NumericDType): number {
  return elements({ dtype, shape: [0], data: new Uint8Array(0) }).BYTES_PER_ELEMENT;
}

const address = (at: string, more = ''): string => `address: ${at}\nmodel: m\nprotocol: v2\n${more}`;

it('every datatype goes there and back as raw bytes, for the model and version that remote.yaml names', async (t) => {
  const requests: Message[] = [];
  const at = await openInferenceServer(t, {
    metadata: (request) => {
      requests.push(request);
      return METADATA;
    },
    infer: (request) => {
      requests.push(request);
      const outputs = request.inputs.map((input: Message) => ({ ...input, name: `${input.name}_out` }));
      return { model_name: 'm', outputs, raw_output_contents: request.raw_input_contents };
    },
  });
  const session = await openRemote(t, address(at, 'version: 4'));
  const { inputs, batchAxis } = session.signatures.get('serving_default')!;
  assert.deepEqual(
    [...inputs].map(([name, { dtype, shape }]) => [name, dtype, shape]),
    NAMES.map((name) => [name, name, [-1, 2]]),
  );
  assert.equal(batchAxis.kind, 'none', 'nobody says that its rows keep apart');
  const wanted = NAMES.map((name) => `${name}_out`);
  const outputs = await session.run('serving_default', inputsOf(), wanted, { deadline: Infinity });
  for (const [name, tensor] of inputsOf()) {
    const given = outputs.get(`${name}_out`)!;
    assert.deepEqual([given.dtype, given.shape], [tensor.dtype, tensor.shape]);
    assert.deepEqual(
      (given.dtype === 'string' ? given.data : [given.data]).map((each) => [...each]),
      (tensor.dtype === 'string' ? tensor.data : [tensor.data]).map((each) => [...each]),
    );
  }
  assert.deepEqual(requests.map(({ name, version }) => [name, version])[0], ['m', '4']);
  assert.deepEqual([requests[1].model_name, requests[1].model_version], ['m', '4']);
  assert.deepEqual(
    requests[1].outputs.map(({ name }: Message) => name),
    wanted,
  );
  await session.close();
});

it('the max_batch_size of a Triton declares that rows keep apart', async (t) => {
  for (const [rows, kind, reason] of [
    [4, 'dynamic', 'as its server says: max_batch_size: 4 in its configuration'],
    [0, 'none', 'as its server says: max_batch_size: 0 in its configuration'],
    [undefined, 'none', 'its server does not say that rows keep apart'],
  ] as const) {
    const asked: Message[] = [];
    const config = (request: Message): Message => {
      asked.push([request.name, request.version]);
      return { config: { name: 'm', max_batch_size: rows } };
    };
    const at = await openInferenceServer(t, {
      metadata: () => METADATA,
      infer: () => assert.fail('nobody asks'),
      ...(rows !== undefined && { config }),
    });
    const session = await openRemote(t, address(at, 'version: 4'));
    const { batchAxis, hasRows } = session.signatures.get('serving_default')!;
    assert.deepEqual([batchAxis.kind, batchAxis.reason, hasRows], [kind, reason, true]);
    if (rows !== undefined) assert.deepEqual(asked, [['m', '4']]);
    await session.close();
  }
});

it('answers may come in typed contents', async (t) => {
  const at = await openInferenceServer(t, {
    metadata: () => METADATA,
    infer: () => ({
      outputs: [
        { name: 'int8_out', datatype: 'INT8', shape: [1, 2], contents: { int_contents: [1, -128] } },
        { name: 'uint16_out', datatype: 'UINT16', shape: [1, 2], contents: { uint_contents: [0, 65535] } },
        { name: 'int64_out', datatype: 'INT64', shape: [1, 2], contents: { int64_contents: [-1, 7] } },
        { name: 'float32_out', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [0.5, -2] } },
        { name: 'float64_out', datatype: 'FP64', shape: [1, 2], contents: { fp64_contents: [0.25, -2] } },
        { name: 'bool_out', datatype: 'BOOL', shape: [1, 2], contents: { bool_contents: [true, false] } },
        { name: 'string_out', datatype: 'BYTES', shape: [1, 2], contents: { bytes_contents: STRINGS } },
      ],
    }),
  });
  const session = await openRemote(t, address(at));
  const names = ['int8', 'uint16', 'int64', 'float32', 'float64', 'bool'];
  const wanted = [...names, 'string'].map((name) => `${name}_out`);
  const outputs = await session.run('serving_default', inputsOf(), wanted, { deadline: Infinity });
  const numbers = names.map((name) => [...elements(outputs.get(`${name}_out`) as NumericTensor)].map(Number));
  assert.deepEqual(numbers, [
    [1, -128],
    [0, 65535],
    [-1, 7],
    [0.5, -2],
    [0.25, -2],
    [1, 0],
  ]);
  assert.deepEqual(
    (outputs.get('string_out')!.data as Uint8Array[]).map((each) => [...each]),
    [[0, 255], []],
  );
  await session.close();
});

it('an answer that does not hold what it says is the server’s failure', async (t) => {
  const answers: Message[] = [
    { outputs: [{ name: 'int8_out', datatype: 'INT8', shape: [1, 2] }], raw_output_contents: [Buffer.of(1)] },
    { outputs: [{ name: 'int8_out', datatype: 'TEXT', shape: [1, 2] }], raw_output_contents: [Buffer.of(1, 2)] },
    {
      outputs: [{ name: 'string_out', datatype: 'BYTES', shape: [1, 1] }],
      raw_output_contents: [Buffer.of(9, 0, 0, 0)],
    },
    { outputs: [] },
  ];
  const texts = [
    /output 'int8_out'\. Expected 2, got 1: INT8 \[1,2\] takes 2 bytes/,
    /output "int8_out" has the datatype "TEXT", which the protocol lacks/,
    /output "string_out", BYTES \[1,1\]: its raw contents ends within element 0/,
    /gave no output "int8_out"/,
  ];
  const at = await openInferenceServer(t, { metadata: () => METADATA, infer: () => answers.shift() });
  const session = await openRemote(t, address(at));
  for (const message of texts) {
    const run = session.run('serving_default', inputsOf(), ['int8_out'], { deadline: Infinity });
    await assert.rejects(run, { kind: 'backend_failed', message });
  }
  await session.close();
});

it('a model with a datatype that cannot be held does not load, nor does an unknown one', async (t) => {
  const odd = { name: 'm', inputs: [{ name: 'x', datatype: 'FP8', shape: [1] }], outputs: [METADATA.outputs[0]] };
  const at = await openInferenceServer(t, {
    metadata: ({ name }) => {
      if (name === 'm') return odd;
      throw Object.assign(new Error('no such model'), { code: 5 });
    },
    infer: () => ({}),
  });
  await assert.rejects(openRemote(t, address(at)), { kind: 'load_failed', message: /has no signature of tensors/ });
  const unknown = openRemote(t, address(at).replace('model: m', 'model: n'));
  await assert.rejects(unknown, { kind: 'load_failed', message: /"n" at .*: no such model/ });
});
