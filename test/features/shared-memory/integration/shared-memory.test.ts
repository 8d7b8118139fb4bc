/** Tensors in shared memory over gRPC, on both engines, and over REST: in, out, and what a client is told. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test as testRest } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { sharedMemoryExtension } from '../../../../src/features/shared-memory/install.ts';
import { RegionStore } from '../../../../src/features/shared-memory/region-store.ts';
import { SharedMemory } from '../../../../src/features/shared-memory/shared-memory.ts';
import type { SurfaceMaker } from '../../../../src/kernel/installation.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { type Answer, type GrpcHarness, INFERENCE, withGrpc } from '../../../support/grpc-harness.ts';
import { Stream } from '../../../support/infer-stream.ts';
import { echo, type PuppetDirectory, type PuppetRunner, signature, spec } from '../../../support/puppet-models.ts';
import { errorOf, jsonOf, type RawAnswer, RestHarness } from '../../../support/rest-harness.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { puppetInference } from '../../open-inference/puppet-inference.ts';

const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

/** As raw contents have them. */
const strings = (...values: readonly string[]): Buffer =>
  Buffer.concat(values.flatMap((value) => [Buffer.from(Uint32Array.of(value.length).buffer), Buffer.from(value)]));

/** The most bytes of a request's inputs in regions. */
const MAX_SHARED_BYTES = 8 * 2 ** 20;

/** The protocol with these regions. */
function sharing(regions: RegionStore): SurfaceMaker {
  const limits = { maxTensorBytes: MAX_SHARED_BYTES, hasUnixSocket: false };
  return puppetInference({
    extend: ({ lifecycle }) => [sharedMemoryExtension(new SharedMemory({ regions, lifecycle, ...limits }))],
  });
}

/** The result runs the model `echo`. */
function addModels(models: PuppetDirectory): PuppetRunner {
  const of = (dtype: 'float32' | 'string', dims: readonly number[]) =>
    signature({ x: spec(dtype, dims) }, { y: spec(dtype, dims) });
  models.add('text', { behave: echo, signatures: { serving_default: of('string', [-1]) } });
  models.add('two', {
    behave: ({ inputs, outputs }) => new Map(outputs.map((name) => [name, inputs.get(name === 'c' ? 'a' : 'b')!])),
    signatures: {
      serving_default: signature(
        { a: spec('float32', [-1]), b: spec('float32', [-1]) },
        { c: spec('float32', [-1]), d: spec('float32', [-1]) },
      ),
    },
  });
  return models.add('echo', { behave: echo, signatures: { serving_default: of('float32', [-1, 2]) } });
}

/** gRPC's parameters of a tensor in region r. */
function place(byteSize: number, offset = 0, region = 'r'): object {
  return {
    shared_memory_region: { string_param: region },
    shared_memory_byte_size: { int64_param: byteSize },
    ...(offset > 0 && { shared_memory_offset: { int64_param: offset } }),
  };
}

interface Grpc {
  readonly server: GrpcHarness;
  readonly echoed: PuppetRunner;
  /** The file of region r. */
  readonly path: string;
  readonly ask: (method: string, request: object) => Promise<Answer>;
  readonly fails: (method: string, request: object) => Promise<readonly [code: number, details: string]>;
}

/** With a region r of 64 bytes. */
async function withRegion(t: TestContext, run: (grpc: Grpc) => Promise<void>): Promise<void> {
  const root = tempDirectory(t);
  const path = join(root, 'file');
  writeFileSync(path, Buffer.alloc(64));
  const regions = new RegionStore({ root });
  t.after(() => regions.close());
  let echoed: PuppetRunner | undefined;
  await withGrpc(
    (models) => {
      echoed = addModels(models);
    },
    async (server) => {
      const ask: Grpc['ask'] = (method, request) => server.call(INFERENCE, method, request);
      const fails: Grpc['fails'] = async (method, request) => {
        const { code, details } = await server.failure(INFERENCE, method, request);
        return [code, details];
      };
      await ask('SystemSharedMemoryRegister', { name: 'r', key: '/file', byte_size: 64 });
      await run({ server, echoed: echoed!, path, ask, fails });
    },
    { surfaces: [sharing(regions)], maxReceiveBytes: 16 * 2 ** 20 },
  );
}

const X = { name: 'x', datatype: 'FP32', shape: [1, 2] };

test('regions are registered, told and unregistered', (t) =>
  withRegion(t, async ({ ask, fails }) => {
    await ask('SystemSharedMemoryRegister', { name: 'part', key: 'file', offset: 8, byte_size: 16 });
    assert.deepEqual(await ask('SystemSharedMemoryStatus', {}), {
      regions: {
        r: { name: 'r', key: '/file', offset: '0', byte_size: '64' },
        part: { name: 'part', key: 'file', offset: '8', byte_size: '16' },
      },
    });
    assert.deepEqual(Object.keys((await ask('SystemSharedMemoryStatus', { name: 'part' })).regions), ['part']);
    const [code, text] = await fails('SystemSharedMemoryRegister', { name: 'r', key: '/file', byte_size: 64 });
    assert.equal(code, Status.ALREADY_EXISTS);
    assert.match(text, /already in manager/);
    await ask('SystemSharedMemoryUnregister', { name: 'part' });
    assert.equal((await fails('SystemSharedMemoryStatus', { name: 'part' }))[0], Status.NOT_FOUND);
    await ask('SystemSharedMemoryUnregister', {});
    assert.deepEqual(await ask('SystemSharedMemoryStatus', {}), { regions: {} });
    const far = { name: 'far', key: '/file', offset: '18446744073709551615', byte_size: 8 };
    assert.equal((await fails('SystemSharedMemoryRegister', far))[0], Status.INVALID_ARGUMENT);
    // There is no memory of GPUs: clients that look, or tidy up, go on.
    assert.deepEqual(await ask('CudaSharedMemoryStatus', {}), { regions: {} });
    assert.deepEqual(await ask('CudaSharedMemoryUnregister', {}), {});
    assert.equal((await fails('CudaSharedMemoryStatus', { name: 'r' }))[0], Status.NOT_FOUND);
    assert.equal((await fails('CudaSharedMemoryRegister', { name: 'r' }))[0], Status.UNIMPLEMENTED);
    const { extensions } = await ask('ServerMetadata', {});
    assert.ok(extensions.includes('system_shared_memory'));
  }));

test('an input is read from a region, and an output is written into one', (t) =>
  withRegion(t, async ({ echoed, ask, path }) => {
    writeFileSync(path, Buffer.concat([floats(1, 2, 3, 4), Buffer.alloc(48)]));
    const answer = await ask('ModelInfer', {
      model_name: 'echo',
      inputs: [{ ...X, parameters: place(8, 8) }],
      outputs: [{ name: 'y', parameters: place(8, 32) }],
    });
    assert.deepEqual(answer.outputs[0].shape, ['1', '2']);
    assert.equal(answer.outputs[0].datatype, 'FP32');
    assert.deepEqual(answer.raw_output_contents, [Buffer.alloc(0)]);
    assert.deepEqual(readFileSync(path).subarray(32, 40), floats(3, 4));
    // What the client does to its region afterwards, it does to no answer.
    const [request] = echoed.requests;
    writeFileSync(path, Buffer.alloc(64, 7));
    assert.deepEqual(Buffer.from(request!.inputs.get('x')!.data as Uint8Array), floats(3, 4));
  }));

test('tensors in regions stand beside others', (t) =>
  withRegion(t, async ({ ask, path }) => {
    writeFileSync(path, Buffer.concat([floats(5), Buffer.alloc(60)]));
    const answer = await ask('ModelInfer', {
      model_name: 'two',
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [1], parameters: place(4) },
        { name: 'b', datatype: 'FP32', shape: [1] },
      ],
      outputs: [{ name: 'c' }, { name: 'd', parameters: place(4, 60) }],
      raw_input_contents: [floats(6)],
    });
    assert.deepEqual(answer.raw_output_contents, [floats(5), Buffer.alloc(0)]);
    assert.deepEqual(readFileSync(path).subarray(60), floats(6));
  }));

test('strings, and streams', (t) =>
  withRegion(t, async ({ server, ask, path }) => {
    const words = strings('', 'ab', 'c');
    writeFileSync(path, Buffer.concat([words, Buffer.alloc(64 - words.length)]));
    const request = {
      model_name: 'text',
      inputs: [{ name: 'x', datatype: 'BYTES', shape: [3], parameters: place(words.length) }],
      outputs: [{ name: 'y', parameters: place(32, 32) }],
    };
    await ask('ModelInfer', request);
    assert.deepEqual(readFileSync(path).subarray(32, 32 + words.length), words);
    const stream = new Stream(server);
    stream.send({ ...request, outputs: [], id: 'one' });
    stream.send({ ...request, inputs: [{ ...request.inputs[0], parameters: place(1) }], id: 'two' });
    const answers = await stream.answered(2);
    const answerTo = (id: string) => answers.find(({ infer_response }) => infer_response.id === id);
    assert.deepEqual(answerTo('one').infer_response.raw_output_contents, [words]);
    assert.match(answerTo('two').error_message, /ends within element 0/);
    stream.call.end();
    assert.equal((await stream.status).code, Status.OK);
  }));

test('many bytes are read and written in slices, and a region that is unregistered meanwhile stays for them', (t) =>
  withRegion(t, async ({ ask, path }) => {
    const bytes = Buffer.alloc(4 * 2 ** 20);
    for (let i = 0; i < bytes.length; i += 4) bytes.writeFloatLE(i, i);
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(bytes.length)]));
    await ask('SystemSharedMemoryRegister', { name: 'big', key: '/file', byte_size: 2 * bytes.length });
    const asked = ask('ModelInfer', {
      model_name: 'echo',
      inputs: [{ ...X, shape: [bytes.length / 8, 2], parameters: place(bytes.length, 0, 'big') }],
      outputs: [{ name: 'y', parameters: place(bytes.length, bytes.length, 'big') }],
    });
    await ask('SystemSharedMemoryUnregister', { name: 'big' });
    await asked;
    assert.ok(readFileSync(path).subarray(bytes.length).equals(bytes));
  }));

test('what is wrong with a place', (t) =>
  withRegion(t, async ({ ask, fails, path }) => {
    const infer = (parameters: object, rest: object = {}) =>
      fails('ModelInfer', { model_name: 'echo', inputs: [{ ...X, parameters }], ...rest });
    const out = (parameters: object) => infer(place(8), { outputs: [{ name: 'y', parameters }] });
    const invalid = Status.INVALID_ARGUMENT;
    for (const [failure, code, text] of [
      [await infer(place(8, 0, 'none')), Status.NOT_FOUND, /Unable to find shared memory region: 'none'/],
      [await infer(place(8, 60)), invalid, /"r" has 64 bytes, and input "x" is 8 bytes at 60/],
      [await infer(place(8, 2 ** 52)), invalid, /invalid offset \+ byte size/],
      [await infer(place(-1)), invalid, /shared_memory_byte_size/],
      [await infer(place(12)), invalid, /Expected 8, got 12: FP32 \[1,2\] takes 8 bytes/],
      [await infer({ shared_memory_region: { string_param: 'r' } }), invalid, /byte_size" of input "x" is missing/],
      [await infer({ shared_memory_region: { bool_param: true } }), invalid, /is no text/],
      [await out(place(4)), invalid, /for output "y" \(4 bytes\) should be at least 8 bytes to hold the results/],
      [await out({ ...place(8), classification: { int64_param: 1 } }), invalid, /"classification", beside/],
    ] as const) {
      assert.match(failure[1], text);
      assert.equal(failure[0], code);
    }
    assert.deepEqual(readFileSync(path), Buffer.alloc(64));
    truncateSync(path, 4);
    assert.match((await infer(place(8)))[1], /which has 4 bytes now/);
    await ask('SystemSharedMemoryUnregister', {});
    assert.equal((await infer(place(8)))[0], Status.NOT_FOUND);
  }));

test('inputs in regions are limited as those in messages are', (t) =>
  withRegion(t, async ({ fails, ask, path }) => {
    truncateSync(path, 2 ** 30);
    await ask('SystemSharedMemoryRegister', { name: 'huge', key: '/file', byte_size: 2 ** 30 });
    const [code, text] = await fails('ModelInfer', {
      model_name: 'text',
      inputs: [{ name: 'x', datatype: 'BYTES', shape: [1], parameters: place(2 ** 30, 0, 'huge') }],
    });
    assert.equal(code, Status.RESOURCE_EXHAUSTED);
    assert.match(text, /tensors may take 8388608 together/);
  }));

testRest('REST has the same regions and tensors', async (t) => {
  const root = tempDirectory(t);
  const path = join(root, 'file');
  writeFileSync(path, Buffer.concat([floats(1, 2), Buffer.alloc(56)]));
  const regions = new RegionStore({ root });
  const rest = new RestHarness({ surfaces: [sharing(regions)] });
  t.after(async () => {
    regions.close();
    await rest.close();
  });
  addModels(rest.models);
  await rest.listen();
  const connection = await rest.connect();
  const post = (target: string, body: string): Promise<RawAnswer> => {
    connection.post(target, body);
    return connection.answer();
  };
  const status = (target: string): Promise<RawAnswer> => {
    connection.get(target);
    return connection.answer();
  };
  const region = '/v2/systemsharedmemory/region/a%20b';
  const registered = await post(`${region}/register`, '{"key":"/file","offset":0,"byte_size":64}');
  assert.deepEqual([registered.status, registered.body.length], [200, 0]);
  const told = [{ name: 'a b', key: '/file', offset: 0, byte_size: 64 }];
  assert.deepEqual(jsonOf(await status('/v2/systemsharedmemory/status')), told);
  assert.deepEqual(jsonOf(await status(`${region}/status`)), told);
  assert.equal((await status('/v2/systemsharedmemory/region/none/status')).status, 404);
  assert.equal((await post(`${region}/register`, '{"key":"/file","byte_size":64}')).status, 400);
  for (const body of [
    '',
    '{}',
    '{"key":"/file"}',
    '{"key":1,"byte_size":1}',
    '{"key":"/file","byte_size":"1"}',
    '[]',
  ]) {
    assert.equal((await post('/v2/systemsharedmemory/region/other/register', body)).status, 400, body);
  }
  assert.match(
    errorOf(await post('/v2/systemsharedmemory/region/other/register', '{"key":"../file","byte_size":1}')),
    /names no shared memory/,
  );
  const at = (offset: number): string =>
    `{"shared_memory_region":"a b","shared_memory_byte_size":8,"shared_memory_offset":${offset}}`;
  const input = `{"name":"x","shape":[1,2],"datatype":"FP32","parameters":${at(0)}}`;
  const inferred = await post(
    '/v2/models/echo/infer',
    `{"inputs":[${input}],"outputs":[{"name":"y","parameters":${at(16)}}],"parameters":{"binary_data_output":true}}`,
  );
  assert.deepEqual(jsonOf(inferred), {
    model_name: 'echo',
    model_version: '1',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2] }],
  });
  assert.deepEqual(readFileSync(path).subarray(16, 24), floats(1, 2));
  assert.deepEqual(
    (jsonOf(await post('/v2/models/echo/infer', `{"inputs":[${input}]}`)) as { outputs: object[] }).outputs,
    [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
  );
  assert.equal((await post(`${region}/unregister`, '')).status, 200);
  assert.equal((await post('/v2/systemsharedmemory/unregister', '')).status, 200);
  assert.deepEqual(jsonOf(await status('/v2/systemsharedmemory/status')), []);
  assert.equal((await post('/v2/models/echo/infer', `{"inputs":[${input}]}`)).status, 404);
});
