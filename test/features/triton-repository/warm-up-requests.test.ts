/** The requests of model_warmup. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { elements, type NumericTensor } from '../../../src/core/tensor.ts';
import { modelOfEntry } from '../../../src/features/triton-repository/config/model-of-config.ts';
import { TRITON } from '../../../src/features/triton-repository/config/triton-model.ts';
import { readLabels } from '../../../src/features/triton-repository/serving/labels.ts';
import {
  modelWarmUp,
  type WarmUpRequest,
  warmUpRequests,
} from '../../../src/features/triton-repository/serving/warm-up-requests.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

function modelOf(directory: string, text: string) {
  const file = { bytes: Buffer.from(text) };
  const { model } = modelOfEntry({ name: 'm', directory, file }, { executionProvider: 'cpu' });
  assert.equal(model.refusal, undefined);
  return TRITON.of(model)!;
}

/** The runs of the step, of a model with one request. */
async function runsOf(t: TestContext, text: string): Promise<number> {
  const file = { bytes: Buffer.from(`${text} ${warmup('data_type: TYPE_FP32 dims: [ 1 ] zero_data: true')}`) };
  const { model } = modelOfEntry({ name: 'm', directory: tempDirectory(t), file }, { executionProvider: 'cpu' });
  let runs = 0;
  assert.equal(model.refusal, undefined);
  const replay = async (): Promise<void> => {
    runs += 1;
  };
  const step = modelWarmUp({ replay, check: replay });
  const loaded = { model, servable: { name: 'm', version: 1n }, executor: { slots: 1 } };
  if (step.stage === 'warm-up') await step.run(loaded as never);
  return runs;
}

function requestsOf(
  t: TestContext,
  text: string,
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<readonly WarmUpRequest[]> {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'warmup'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, 'warmup', name), bytes);
  return warmUpRequests(modelOf(directory, text));
}

const warmup = (value: string, more = 'batch_size: 2'): string =>
  `max_batch_size: 4 model_warmup { name: "w" ${more} inputs { key: "x" value { ${value} } } }`;

describe('model_warmup', () => {
  it('runs, but not of an ensemble, whose models have their own', async (t) => {
    assert.equal(await runsOf(t, ''), 1);
    const step = 'step { model_name: "a" model_version: -1 input_map { key: "i" value: "x" } }';
    assert.equal(await runsOf(t, `platform: "ensemble" ensemble_scheduling { ${step} }`), 0);
  });

  it('is zeros, with the batch in front', async (t) => {
    const [request] = await requestsOf(
      t,
      warmup('data_type: TYPE_INT32 dims: [ 3 ] zero_data: true', 'batch_size: 2 count: 5'),
    );
    assert.deepEqual([request!.name, request!.count], ['w', 5]);
    const x = request!.inputs.get('x') as NumericTensor;
    assert.deepEqual([x.dtype, x.shape, [...elements(x)]], ['int32', [2, 3], [0, 0, 0, 0, 0, 0]]);
  });

  it('has no batch without max_batch_size, and runs once if nothing else is said', async (t) => {
    const text = 'model_warmup { inputs { key: "x" value { data_type: TYPE_FP64 dims: [ 2 ] zero_data: true } } }';
    const [request] = await requestsOf(t, text);
    assert.equal(request!.count, 1);
    assert.deepEqual(request!.inputs.get('x')!.shape, [2]);
  });

  it('is random numbers that are the same at each load, and empty strings', async (t) => {
    const text = warmup('data_type: TYPE_FP32 dims: [ 3 ] random_data: true');
    const read = async () => [...elements((await requestsOf(t, text))[0]!.inputs.get('x') as NumericTensor)];
    const numbers = await read();
    assert.ok(new Set(numbers).size > 1);
    assert.deepEqual(await read(), numbers);
    const [strings] = await requestsOf(t, warmup('data_type: TYPE_STRING dims: [ 2 ] random_data: true'));
    assert.deepEqual(
      (strings!.inputs.get('x')!.data as readonly Uint8Array[]).map(({ length }) => length),
      [0, 0, 0, 0],
    );
  });

  it('is the raw elements of a file, the same for each row', async (t) => {
    const raw = new Uint8Array(Float32Array.of(1, 2).buffer);
    const [request] = await requestsOf(t, warmup('data_type: TYPE_FP32 dims: 2 input_data_file: "x"'), { x: raw });
    const x = request!.inputs.get('x') as NumericTensor;
    assert.deepEqual(
      [x.shape, [...elements(x)]],
      [
        [2, 2],
        [1, 2, 1, 2],
      ],
    );
    const bytes = Buffer.concat([Buffer.from([2, 0, 0, 0]), Buffer.from('ab'), Buffer.from([0, 0, 0, 0])]);
    const [strings] = await requestsOf(t, warmup('data_type: TYPE_STRING dims: 2 input_data_file: "s"', ''), {
      s: bytes,
    });
    assert.deepEqual((strings!.inputs.get('x')!.data as readonly Uint8Array[]).map(String), ['ab', '']);
  });

  for (const [what, value, files, problem] of [
    [
      'is missing',
      'data_type: TYPE_FP32 dims: 2 input_data_file: "x"',
      {},
      /model_warmup "w", input "x": .+x cannot be used: there is no such file/,
    ],
    [
      'is too short',
      'data_type: TYPE_FP32 dims: 2 input_data_file: "x"',
      { x: Buffer.alloc(7) },
      /has 7 bytes, and its dims take 8/,
    ],
    [
      'has more than fits into memory',
      'data_type: TYPE_FP32 dims: [ 100000, 100000 ] zero_data: true',
      {},
      /its dims take 80000000000 bytes, and 268435456 are the most/,
    ],
    [
      'ends in a string',
      'data_type: TYPE_STRING dims: 2 input_data_file: "x"',
      { x: Buffer.from([1, 0, 0, 0, 65, 9]) },
      /ends in string 2 of 2/,
    ],
    [
      'has a length beyond its end',
      'data_type: TYPE_STRING dims: 1 input_data_file: "x"',
      { x: Buffer.from([255, 255, 255, 255, 65]) },
      /ends in string 1 of 1/,
    ],
  ] as const) {
    it(`fails the load where a file ${what}`, async (t) => {
      await assert.rejects(requestsOf(t, warmup(value), files as Readonly<Record<string, Uint8Array>>), problem);
    });
  }

  it('reads no file outside the model’s directory, also behind a link', async (t) => {
    const [directory, other] = [tempDirectory(t), tempDirectory(t)];
    mkdirSync(join(directory, 'warmup'));
    writeFileSync(join(other, 'secret'), Buffer.alloc(8));
    symlinkSync(join(other, 'secret'), join(directory, 'warmup', 'x'));
    const model = modelOf(directory, warmup('data_type: TYPE_FP32 dims: 2 input_data_file: "x"'));
    await assert.rejects(warmUpRequests(model), /is not in .+; put it there/);
  });
});

describe('label_filename', () => {
  const output = (name: string): string =>
    `output { name: "y" data_type: TYPE_FP32 dims: 2 label_filename: "${name}" }`;

  it('has one label a line', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'labels.txt'), 'cat\r\ndog\n');
    const labels = await readLabels(modelOf(directory, output('labels.txt')));
    assert.deepEqual(labels.get('y')!.map(String), ['cat', 'dog']);
  });

  it('fails the load where the file is missing, empty or elsewhere', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'empty.txt'), '');
    symlinkSync('/etc/hostname', join(directory, 'link.txt'));
    for (const [name, problem] of [
      ['none.txt', /there is no such file/],
      ['empty.txt', /it is empty/],
      ['../labels.txt', /is not in/],
      ['/etc/hostname', /is not in/],
      ['link.txt', /is not in/],
    ] as const) {
      await assert.rejects(readLabels(modelOf(directory, output(name))), problem, name);
    }
  });
});
