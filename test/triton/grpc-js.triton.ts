/**
 * A client made by grpc-js from Triton's own descriptors, which tritonclient brings: every method of its service, on the
 * digits of both runtimes. `npm test -- triton`.
 */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import {
  type Client,
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { type Answered, DIGIT_MODELS, DigitAnswers } from '../support/digit-answers.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import type { Answer } from '../support/grpc-harness.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const ROWS = 5;
const SERVICE = 'inference.GRPCInferenceService';
const OPTIONS = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true } as const;

let service: ServiceClientConstructor;
let digits: DigitAnswers;

before(async () => {
  const python = process.env['PILLION_TRITON_PYTHON'];
  assert.ok(python, 'PILLION_TRITON_PYTHON names the environment of test/triton/requirements.txt; npm test sets it');
  const run = promisify(execFile);
  const { stdout } = await run(python, ['test/triton/descriptors.py'], { encoding: 'buffer' });
  const loaded = loadPackageDefinition(loadFileDescriptorSetFromBuffer(stdout, OPTIONS));
  service = (loaded['inference'] as Answer).GRPCInferenceService;
  digits = await DigitAnswers.open(ROWS);
});

after(killSidecars);

/** The methods that were called; a call ends with its answer, or with its error's code. */
class Caller {
  readonly called = new Set<string>();
  readonly client: Client;

  constructor(address: string) {
    this.client = new service(address, credentials.createInsecure());
  }

  call(method: string, request: object = {}): Promise<Answer> {
    this.called.add(method);
    return new Promise((resolve, reject) => {
      (this.client as Answer)[method](request, (error: Error | null, answer: Answer) =>
        error === null ? resolve(answer) : reject(error),
      );
    });
  }

  async code(method: string, request: object = {}): Promise<string> {
    const end = await this.call(method, request).then(
      () => status.OK,
      ({ code }: { code: number }) => code,
    );
    return status[end]!;
  }

  stream(): ClientDuplexStream<object, Answer> {
    this.called.add('ModelStreamInfer');
    return (this.client as Answer).ModelStreamInfer();
  }
}

function question(model: string, id: string, isRaw: boolean): object {
  const { rows } = digits;
  const input = { name: 'pixels', datatype: 'FP32', shape: [rows.length, rows[0]!.length] };
  if (!isRaw) return { model_name: model, id, inputs: [{ ...input, contents: { fp32_contents: rows.flat() } }] };
  const bytes = Buffer.from(Float32Array.from(rows.flat()).buffer);
  return { model_name: model, id, inputs: [input], raw_input_contents: [bytes] };
}

/** Of a ModelInferResponse. */
function answered(how: string, { model_name: model, outputs, raw_output_contents: raw }: Answer): Answered {
  const tensors = outputs.map(({ name, datatype, shape }: Answer, i: number) => ({
    ...{ name, datatype, shape },
    hex: raw[i].toString('hex'),
  }));
  return { model, how, outputs: tensors };
}

async function askAll(caller: Caller): Promise<void> {
  const lines: Answered[] = [];
  for (const model of digits.models) {
    lines.push(answered('raw', await caller.call('ModelInfer', question(model, 'a', true))));
    lines.push(answered('typed', await caller.call('ModelInfer', question(model, 'b', false))));
  }
  lines.push(...(await askByStream(caller)));
  digits.checkAnswered(lines, ['raw', 'typed', 'stream, raw', 'stream, typed']);
}

/** One after the other: TensorFlow's arithmetic on more rows may end in other bits. A request fails in their midst. */
async function askByStream(caller: Caller): Promise<readonly Answered[]> {
  const stream = caller.stream();
  const answers = stream[Symbol.asyncIterator]() as AsyncIterator<Answer>;
  const ask = async (model: string, isRaw: boolean): Promise<Answer> => {
    stream.write(question(model, 'i', isRaw));
    const { value } = await answers.next();
    assert.equal(value.infer_response.id, 'i');
    return value;
  };
  const lines: Answered[] = [];
  for (const model of digits.models) {
    lines.push(answered('stream, raw', (await ask(model, true)).infer_response));
    assert.match((await ask('none', true)).error_message, /no model "none"/);
    lines.push(answered('stream, typed', (await ask(model, false)).infer_response));
  }
  const ended = once(stream, 'status');
  stream.end();
  assert.deepEqual((await answers.next()).done, true);
  assert.equal((await ended)[0].code, status.OK);
  return lines;
}

async function lookUpAll(caller: Caller): Promise<void> {
  assert.equal((await caller.call('ServerLive')).live, true);
  assert.equal((await caller.call('ServerReady')).ready, true);
  const { name, extensions } = await caller.call('ServerMetadata');
  assert.deepEqual([name, extensions.includes('statistics')], ['pillion', true]);
  for (const model of digits.models) {
    assert.equal((await caller.call('ModelReady', { name: model, version: '1' })).ready, true);
    const { inputs } = await caller.call('ModelMetadata', { name: model });
    assert.deepEqual(inputs, [{ name: 'pixels', datatype: 'FP32', shape: [-1, 64] }]);
    const { config } = await caller.call('ModelConfig', { name: model });
    assert.deepEqual([config.input[0].data_type, config.input[0].dims], ['TYPE_FP32', [64]]);
    const [stats] = (await caller.call('ModelStatistics', { name: model })).model_stats;
    assert.ok(stats.inference_stats.success.count >= 4, `successes of ${model}`);
    assert.equal(stats.inference_stats.fail.count, 0);
    assert.ok(stats.inference_count >= 4 * ROWS, `rows of ${model}`);
  }
  assert.equal(await caller.code('ModelInfer', question('none', '', true)), 'NOT_FOUND');
  assert.equal(await caller.code('ModelMetadata', { name: 'none' }), 'NOT_FOUND');
}

async function changeAll(caller: Caller): Promise<void> {
  const states = async (): Promise<readonly string[]> =>
    (await caller.call('RepositoryIndex')).models.map(({ name, state }: Answer) => `${name} ${state}`);
  const all = ['digits READY', 'digits_tfjs READY'];
  assert.deepEqual(await states(), all);
  await caller.call('RepositoryModelUnload', { model_name: 'digits' });
  assert.deepEqual(await states(), ['digits UNAVAILABLE', 'digits_tfjs READY']);
  await caller.call('RepositoryModelLoad', { model_name: 'digits' });
  assert.deepEqual(await states(), all);
  // Made from descriptors, a map is the list of its entries.
  const valueIn = (settings: Answer[], name: string): Answer => settings.find(({ key }) => key === name).value;
  assert.deepEqual(valueIn((await caller.call('TraceSetting')).settings, 'trace_level').value, ['OFF']);
  assert.equal(valueIn((await caller.call('LogSettings')).settings, 'log_info').bool_param, true);
  const change = { settings: [{ key: 'log_info', value: { bool_param: false } }] };
  assert.equal(await caller.code('LogSettings', change), 'UNIMPLEMENTED');
  for (const verb of ['Status', 'Register', 'Unregister']) {
    assert.equal(await caller.code(`SystemSharedMemory${verb}`), 'UNIMPLEMENTED', verb);
    const cuda = verb === 'Register' ? 'UNIMPLEMENTED' : 'OK';
    assert.equal(await caller.code(`CudaSharedMemory${verb}`), cuda, verb);
  }
}

async function checkAll(sidecar: Sidecar): Promise<void> {
  const caller = new Caller(sidecar.grpc);
  await askAll(caller);
  await lookUpAll(caller);
  await changeAll(caller);
  caller.client.close();
  assert.deepEqual([...caller.called].sort(), Object.keys(service.service).sort(), SERVICE);
  await digits.checkServed(sidecar);
}

for (const engine of ENGINE_NAMES) {
  it(`grpc-js finds every method of Triton's descriptors, on ${engine}`, async () => {
    const sidecar = await startSidecar([...DIGIT_MODELS, '--model_control_mode=explicit', ...engineFlags(engine)]);
    await checkAll(sidecar);
    assert.equal(await sidecar.stop(), 0);
  });
}
