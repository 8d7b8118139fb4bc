/**
 * Large messages of the Open Inference Protocol: read on the codec thread where that takes long, with the answers and
 * errors that the event loop would give; raw numbers are read where they are.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import type { ServiceError } from '@grpc/grpc-js';
import { type Ask, CodecThread, type Wanted } from '../../../../src/codec-thread/codec-thread.ts';
import { systemClock } from '../../../../src/core/clock.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { type Answer, type GrpcHarness, INFERENCE, withGrpc } from '../../../support/grpc-harness.ts';
import { Stream } from '../../../support/infer-stream.ts';
import { type PuppetDirectory, signature, spec } from '../../../support/puppet-models.ts';

const COUNT = 200_000;
const maxReceiveBytes = 64 << 20;

const addModels = (models: PuppetDirectory): void => {
  const one = (dtype: 'int64' | 'string' | 'float32') =>
    signature({ x: spec(dtype, undefined) }, { y: spec(dtype, undefined) });
  models.add('int64', { signatures: { serving_default: one('int64') } });
  models.add('string', { signatures: { serving_default: one('string') } });
  models.add('float32', { signatures: { serving_default: one('float32') } });
};

const numbers = Array.from({ length: COUNT }, (_, i) => String(i * 1_000_003));
const texts = Array.from({ length: COUNT / 4 }, (_, i) => Buffer.from(String(i)));
const rawTexts = Buffer.concat(texts.flatMap((text) => [Buffer.from(Uint32Array.of(text.length).buffer), text]));

function request(model_name: string, datatype: string, shape: readonly number[], fields: object): object {
  const { contents, ...rest } = fields as { contents?: object };
  return { model_name, id: 'r', inputs: [{ name: 'x', datatype, shape, ...(contents && { contents }) }], ...rest };
}

const REQUESTS: Readonly<Record<string, object>> = {
  'typed integers': request('int64', 'INT64', [COUNT], { contents: { int64_contents: numbers } }),
  'typed strings': request('string', 'BYTES', [texts.length], { contents: { bytes_contents: texts } }),
  'raw strings': request('string', 'BYTES', [texts.length], { raw_input_contents: [rawTexts] }),
};

const WRONG: Readonly<Record<string, object>> = {
  'an element too few': request('int64', 'INT64', [COUNT + 1], { contents: { int64_contents: numbers } }),
  'a string cut off': request('string', 'BYTES', [texts.length], { raw_input_contents: [rawTexts.subarray(0, -1)] }),
  'an unknown model': request('none', 'INT64', [COUNT], { contents: { int64_contents: numbers } }),
  'a sequence': {
    ...request('int64', 'INT64', [COUNT], { contents: { int64_contents: numbers } }),
    parameters: { sequence_id: { int64_param: 1 } },
  },
};

/** Of two servers: one with a thread, whose uses are counted, and one without. */
async function withBoth(use: (threaded: GrpcHarness, direct: GrpcHarness, uses: () => number) => Promise<void>) {
  let uses = 0;
  class CountedThread extends CodecThread {
    override use<T>(wanted: Wanted, work: (ask: Ask) => Promise<T>): Promise<T> {
      uses += 1;
      return super.use(wanted, work);
    }
  }
  const thread = new CountedThread(systemClock);
  try {
    const withDirect = (threaded: GrpcHarness): Promise<void> =>
      withGrpc(addModels, (direct) => use(threaded, direct, () => uses), { maxReceiveBytes });
    await withGrpc(addModels, withDirect, { maxReceiveBytes, server: { thread } });
  } finally {
    await thread.close();
  }
}

test('what takes long to read is read on the thread, with the same answer', async () => {
  await withBoth(async (threaded, direct, uses) => {
    let expected = 0;
    for (const [what, each] of Object.entries(REQUESTS)) {
      const answers: Answer[] = [];
      for (const server of [threaded, direct]) answers.push(await server.call(INFERENCE, 'ModelInfer', each));
      assert.deepEqual(answers[0], answers[1], what);
      expected += 1;
      assert.equal(uses(), expected, what);
    }
  });
});

test('so are its errors', async () => {
  await withBoth(async (threaded, direct, uses) => {
    for (const [what, each] of Object.entries(WRONG)) {
      const errors: ServiceError[] = [];
      for (const server of [threaded, direct]) errors.push(await server.failure(INFERENCE, 'ModelInfer', each));
      assert.deepEqual([errors[0]!.code, errors[0]!.details], [errors[1]!.code, errors[1]!.details], what);
    }
    assert.equal(uses(), Object.keys(WRONG).length);
  });
});

test('raw numbers, however many, are not given to it', async () => {
  await withBoth(async (threaded, _direct, uses) => {
    const raw = Buffer.alloc(8 << 20, 1);
    const answer = await threaded.call(
      INFERENCE,
      'ModelInfer',
      request('float32', 'FP32', [2 << 20], { raw_input_contents: [raw] }),
    );
    assert.ok(raw.equals(answer.raw_output_contents[0]));
    assert.equal(uses(), 0);
  });
});

test('on a stream, a small request overtakes a large one', async () => {
  await withBoth(async (threaded) => {
    const stream = new Stream(threaded);
    stream.send(
      { ...REQUESTS['typed integers'], id: 'large' },
      { ...request('int64', 'INT64', [1], { contents: { int64_contents: ['7'] } }), id: 'small' },
    );
    await stream.answered(2);
    assert.deepEqual(stream.ids, ['small', 'large']);
    stream.call.end();
    await stream.status;
  });
});
