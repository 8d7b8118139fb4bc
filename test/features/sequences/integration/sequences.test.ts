/**
 * Stateful models in a sidecar of its own: 32 sequences at a time get what the runtime gives to each that is stepped
 * alone, in shared runs; and what becomes of sequences that restart, end, expire, or are somebody else's.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, Metadata, status as Status } from '@grpc/grpc-js';
import * as ort from 'onnxruntime-node';
import { clientClass, type Answer as GrpcAnswer, INFERENCE, PREDICTION } from '../../../support/grpc-harness.ts';
import { CACHE_STATE, GRU_HIDDEN, GRU_INPUT, GRU_STATE, writeCache, writeGru } from '../../../support/gru-model.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { VAD_BATCHING, VAD_STATE, writeVad } from '../../../support/vad-model.ts';

const CALLERS = 32;
const STEPS = 60;
const SAMPLES = 16;

const VAD = `${VAD_BATCHING}state:\n  state: {output: stateN, shape: [2, 1, ${VAD_STATE}]}\n`;

interface Answer {
  readonly status: number;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly error?: string;
}

interface Report {
  readonly models: readonly {
    readonly name: string;
    readonly sequences?: { readonly versions: Readonly<Record<string, number>> };
    readonly versions: readonly { readonly state: string }[];
  }[];
}

const samplesOf = (caller: number, step: number): number[] =>
  Array.from({ length: SAMPLES }, (_, i) => (7 * caller + 3 * step * i + i) % 17);
const gruInput = (caller: number, step: number): number[] =>
  Array.from({ length: GRU_INPUT }, (_, i) => Math.fround(Math.sin(caller + step * (i + 1))));
const rateOf = (caller: number): number => (caller % 2 === 0 ? 8000 : 16000);

describe('sequences', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  const at = (name: string): string => join(directory, name);
  const callers = Array.from({ length: CALLERS }, (_, i) => i);
  let sidecar: Sidecar;
  let gruPath: string;

  before(async () => {
    writeVad(at('vad'), VAD);
    gruPath = writeGru(at('gru'), GRU_STATE);
    writeGru(at('few'), GRU_STATE);
    writeGru(at('brief'), GRU_STATE);
    writeCache(at('cache'), CACHE_STATE);
    writeFileSync(
      at('pillion.yaml'),
      `models:
  - {name: vad, base_path: ${at('vad')}}
  - {name: gru, base_path: ${at('gru')}}
  - {name: few, base_path: ${at('few')}, sequences: {max: 3, max_per_caller: 2, idle_ms: 3600000}}
  - {name: brief, base_path: ${at('brief')}, sequences: {idle_ms: 1000}}
  - {name: cache, base_path: ${at('cache')}, sequences: {max_mib: 1}}
`,
    );
    const flags = ['--max_batch_size=16', '--caller_header=x-caller', '--file_system_poll_wait_seconds=1'];
    sidecar = await startSidecar([`--config=${at('pillion.yaml')}`, ...flags]);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  async function step(model: string, id: string, flag: string, inputs: object, more: Record<string, string> = {}) {
    const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, {
      method: 'POST',
      headers: { 'x-pillion-sequence-id': id, ...(flag && { 'x-pillion-sequence-step': flag }), ...more },
      body: JSON.stringify({ inputs }),
    });
    return { status: answer.status, ...((await answer.json()) as object) } as Answer;
  }

  async function stream(model: string, id: string, inputsOf: (step: number) => object): Promise<unknown[]> {
    const answers: unknown[] = [];
    for (let i = 0; i < STEPS; i++) {
      const flag = i === 0 ? 'start' : i === STEPS - 1 ? 'end' : '';
      const { outputs, error } = await step(model, id, flag, inputsOf(i));
      assert.equal(error, undefined);
      answers.push(outputs);
    }
    return answers;
  }

  async function metric(name: string, labels: string): Promise<number> {
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    return [...page.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)`, 'gm'))]
      .filter(([, found]) => labels.split(',').every((each) => found!.includes(each)))
      .reduce((sum, [, , value]) => sum + Number(value), 0);
  }

  async function rowsPerBatch(model: string): Promise<number> {
    const label = `model="${model}"`;
    return (await metric('pillion_batch_size_sum', label)) / (await metric('pillion_batch_size_count', label));
  }

  it('32 streams of a silero-vad-like model get what the runtime gives to each alone, to the bit', async (t) => {
    const session = await ort.InferenceSession.create(join(at('vad'), '1', 'model.onnx'));
    const alone = await Promise.all(
      callers.map(async (caller) => {
        const answers: unknown[] = [];
        let state = new ort.Tensor('float32', new Float32Array(2 * VAD_STATE), [2, 1, VAD_STATE]);
        const sr = new ort.Tensor('int64', BigInt64Array.of(BigInt(rateOf(caller))), []);
        for (let i = 0; i < STEPS; i++) {
          const input = new ort.Tensor('float32', Float32Array.from(samplesOf(caller, i)), [1, SAMPLES]);
          const given = await session.run({ input, state, sr });
          state = given['stateN'] as typeof state;
          answers.push([[(given['output']!.data as Float32Array)[0]]]);
        }
        return answers;
      }),
    );
    const together = await Promise.all(
      callers.map((caller) =>
        stream('vad', `call-${caller}`, (i) => ({ input: [samplesOf(caller, i)], sr: rateOf(caller) })),
      ),
    );
    // All outputs but the next state are given: one, so that it stands by itself.
    const rounded = (answers: unknown[]): unknown[] =>
      (answers as number[][][]).map((rows) => rows.map((row) => row.map(Math.fround)));
    assert.deepEqual(together.map(rounded), alone);
    const rows = await rowsPerBatch('vad');
    t.diagnostic(`${rows.toFixed(2)} rows a batch`);
    assert.ok(rows > 1, 'runs were shared');
    assert.equal(await metric('pillion_sequences', 'model="vad"'), 0);
    assert.equal(await metric('pillion_sequence_state_bytes', 'model="vad"'), 0);
    assert.equal(await metric('pillion_sequence_events_total', 'model="vad",event="ended"'), CALLERS);
  });

  it('32 streams of a GRU get what the runtime gives to each alone, but for its arithmetic of batches', async (t) => {
    const session = await ort.InferenceSession.create(gruPath);
    let largest = 0;
    let differing = 0;
    await Promise.all(
      callers.map(async (caller) => {
        const answers = (await stream('gru', `call-${caller}`, (i) => ({ x: [gruInput(caller, i)] }))) as number[][][];
        let h = new ort.Tensor('float32', new Float32Array(GRU_HIDDEN), [1, 1, GRU_HIDDEN]);
        for (let i = 0; i < STEPS; i++) {
          const x = new ort.Tensor('float32', Float32Array.from(gruInput(caller, i)), [1, GRU_INPUT]);
          const given = await session.run({ x, h });
          h = given['hN'] as typeof h;
          for (const [at, value] of (given['y']!.data as Float32Array).entries()) {
            const off = Math.abs(value - Math.fround(answers[i]![0]![at]!));
            largest = Math.max(largest, off);
            if (off > 0) differing += 1;
          }
        }
      }),
    );
    const rows = await rowsPerBatch('gru');
    t.diagnostic(`${rows.toFixed(2)} rows a batch; ${differing} numbers differ, by ${largest} at most`);
    assert.ok(rows > 1, 'runs were shared');
    assert.ok(largest < 1e-5);
  });

  it('a cache grows with each step of its sequence, from nothing', async () => {
    for (const id of ['a', 'b']) {
      for (let i = 1; i <= 5; i++) {
        const { outputs } = await step('cache', id, i === 1 ? 'start' : '', { x: [[1, id === 'a' ? 2 : 3]] });
        assert.deepEqual(outputs, [[i, i * (id === 'a' ? 2 : 3)]]);
      }
    }
    assert.equal(await metric('pillion_sequence_state_bytes', 'model="cache"'), 2 * 5 * 2 * 4);
  });

  it('a start begins anew; a step without one, and one after the end, are refused with how to go on', async () => {
    const x = { x: [[1, 2]] };
    assert.match((await step('cache', 'c', '', x)).error!, /"c" of model "cache" is not known here.*sequence_start/);
    await step('cache', 'c', 'start', x);
    assert.deepEqual((await step('cache', 'c', '', x)).outputs, [[2, 4]]);
    assert.deepEqual((await step('cache', 'c', 'start', x)).outputs, [[1, 2]]);
    assert.deepEqual((await step('cache', 'c', 'end', x)).outputs, [[2, 4]]);
    const late = await step('cache', 'c', '', x);
    assert.equal(late.status, 400);
    assert.match(late.error!, /has ended: an earlier step said so; start it again/);
  });

  it('gRPC metadata name a sequence as the headers do', async () => {
    const Client = clientClass(PREDICTION);
    const client: GrpcAnswer = new Client(sidecar.grpc, credentials.createInsecure());
    const dim = [1, 2].map((size) => ({ size, name: '' }));
    const x = { dtype: 'DT_FLOAT', tensor_shape: { dim }, float_val: [1, 2] };
    const send = (flag: string): Promise<{ code: number; values: readonly number[] }> => {
      const metadata = new Metadata();
      metadata.set('x-pillion-sequence-id', 'rpc');
      if (flag !== '') metadata.set('x-pillion-sequence-step', flag);
      const request = { model_spec: { name: 'cache' }, inputs: { x } };
      return new Promise((resolve) =>
        client.Predict(request, metadata, (error: GrpcAnswer | null, answer?: GrpcAnswer) =>
          resolve({ code: error?.code ?? Status.OK, values: [...(answer?.outputs.sum.float_val ?? [])] }),
        ),
      );
    };
    assert.deepEqual(await send('start'), { code: Status.OK, values: [1, 2] });
    // Over REST it is the same sequence: local connections are one owner.
    assert.deepEqual((await step('cache', 'rpc', '', { x: [[1, 2]] })).outputs, [[2, 4]]);
    assert.deepEqual(await send('end'), { code: Status.OK, values: [3, 6] });
    assert.equal((await send('')).code, Status.FAILED_PRECONDITION);
    assert.equal((await send('begin')).code, Status.INVALID_ARGUMENT);
    client.close();
  });

  it('the parameters of the Open Inference Protocol name it, and a stream answers its steps in their order', async () => {
    const [begin, go] = [{ sequence_id: 7, sequence_start: true }, { sequence_id: 7 }];
    const infer = async (parameters: object): Promise<unknown> => {
      const x = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
      const body = JSON.stringify({ inputs: [x], parameters });
      const answer = await fetch(`${sidecar.rest}/v2/models/cache/infer`, { method: 'POST', body });
      const { outputs, error } = (await answer.json()) as {
        outputs?: { name: string; data: number[] }[];
        error?: string;
      };
      return error ?? outputs?.map(({ name, data }) => [name, ...data]);
    };
    assert.deepEqual(await infer(begin), [['sum', 1, 2]]);
    assert.deepEqual(await infer(go), [['sum', 2, 4]]);
    // A number and a text that print alike are one id, and so is the header of the other API.
    assert.deepEqual((await step('cache', '7', '', { x: [[1, 2]] })).outputs, [[3, 6]]);

    const client: GrpcAnswer = new (clientClass(INFERENCE))(sidecar.grpc, credentials.createInsecure());
    const stream = client.ModelStreamInfer();
    const sums: (string | readonly number[])[] = [];
    const done = new Promise<void>((resolve, reject) => {
      stream.on('error', reject).on('end', resolve);
      stream.on('data', ({ error_message, infer_response }: GrpcAnswer) => {
        const [raw] = infer_response.raw_output_contents;
        sums.push(error_message || [raw.readFloatLE(0), raw.readFloatLE(4)]);
      });
    });
    for (let i = 0; i < 20; i++) {
      stream.write({
        model_name: 'cache',
        parameters: { sequence_id: { string_param: 'all at once' }, sequence_start: { bool_param: i === 0 } },
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }],
      });
    }
    stream.end();
    await done;
    client.close();
    assert.deepEqual(
      sums,
      Array.from({ length: 20 }, (_, i) => [i + 1, 2 * i + 2]),
    );
    assert.deepEqual(await infer({ sequence_id: '7', sequence_end: true }), [['sum', 4, 8]]);
    assert.match(String(await infer(go)), /must specify the START flag .*; sequence "7" of model "cache" has ended/);
  });

  it("one caller's sequence is not another's", async () => {
    const x = { x: [[1, 1]] };
    const [eve, bob] = [{ 'x-caller': 'eve' }, { 'x-caller': 'bob' }];
    await step('cache', 'mine', 'start', x, bob);
    assert.match((await step('cache', 'mine', '', x, eve)).error!, /is not known here/);
    assert.match((await step('cache', 'mine', 'end', x, eve)).error!, /is not known here/);
    assert.deepEqual((await step('cache', 'mine', 'start', x, eve)).outputs, [[1, 1]]);
    assert.deepEqual((await step('cache', 'mine', 'end', x, eve)).outputs, [[2, 2]]);
    assert.deepEqual((await step('cache', 'mine', 'end', x, bob)).outputs, [[2, 2]]);
  });

  it('a request that is no step brings its state itself; a model without a state has no steps', async () => {
    const body = JSON.stringify({ inputs: { x: [[1, 2]], past: [[[3, 4]]] } });
    const answer = await fetch(`${sidecar.rest}/v1/models/cache:predict`, { method: 'POST', body });
    assert.deepEqual(await answer.json(), {
      outputs: {
        sum: [[4, 6]],
        present: [
          [
            [3, 4],
            [1, 2],
          ],
        ],
      },
    });
    const lacking = await fetch(`${sidecar.rest}/v1/models/cache:predict`, {
      method: 'POST',
      body: JSON.stringify({ inputs: { x: [[1, 2]] } }),
    });
    assert.match(await lacking.text(), /the server keeps .*past.* for the steps of a sequence: send its id/);
  });

  it('a rollout does not mix: a sequence stays on its version, and new ones begin on the new', async () => {
    const x = (step: number) => ({ x: [gruInput(1, step)] });
    const first = await step('gru', 'stays', 'start', x(0));
    writeGru(at('staged'), GRU_STATE, 2);
    renameSync(join(at('staged'), '2'), join(at('gru'), '2'));
    await sidecar.line(({ model, version, state }) => model === 'gru' && version === '2' && state === 'AVAILABLE');
    const other = await step('gru', 'new', 'start', x(0));
    assert.notDeepEqual(other.outputs, first.outputs);
    const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as Report;
    const gru = models.find(({ name }) => name === 'gru');
    assert.deepEqual(gru?.sequences?.versions, { 1: 1, 2: 1 });
    assert.deepEqual(
      gru?.versions.map(({ state }) => state),
      ['AVAILABLE', 'UNLOADING'],
    );
    // What version 1 gives to the two steps.
    const alone = await ort.InferenceSession.create(gruPath);
    let h = new ort.Tensor('float32', new Float32Array(GRU_HIDDEN), [1, 1, GRU_HIDDEN]);
    let y: number[] = [];
    for (const i of [0, 1]) {
      const given = await alone.run({ x: new ort.Tensor('float32', gruInput(1, i), [1, GRU_INPUT]), h });
      h = given['hN'] as typeof h;
      y = [...(given['y']!.data as Float32Array)];
    }
    const second = await step('gru', 'stays', 'end', x(1));
    assert.deepEqual(
      (second.outputs as unknown as number[][]).map((row) => row.map(Math.fround)),
      [y],
    );
    await sidecar.line(({ model, version, state }) => model === 'gru' && version === '1' && state === 'END');
    await step('gru', 'new', 'end', x(1));
  });

  it('is refused when its caller has too many', async () => {
    const x = { x: [gruInput(1, 0)] };
    const [ann, bob] = [{ 'x-caller': 'ann' }, { 'x-caller': 'bob' }];
    // Neither is idle for so long, on any machine, that it would make room.
    await step('few', '1', 'start', x, ann);
    await step('few', '2', 'start', x, ann);
    const refused = await step('few', '3', 'start', x, ann);
    assert.equal(refused.status, 429);
    assert.match(refused.error!, /you have 2 sequences of model "few", the most there may be/);
    assert.equal((await step('few', '1', 'start', x, bob)).status, 200);
    assert.equal(await metric('pillion_sequences', 'model="few"'), 3);
    assert.equal(await metric('pillion_sequence_events_total', 'model="few",event="refused"'), 1);
  });

  it('expires when idle', async () => {
    const x = { x: [gruInput(1, 0)] };
    for (const id of ['1', '2', '3']) assert.equal((await step('brief', id, 'start', x)).status, 200);
    const expired = () => metric('pillion_sequence_events_total', 'model="brief",event="expired"');
    while ((await expired()) < 3) await delay(50);
    assert.match((await step('brief', '1', '', x)).error!, /has expired: it had no step for 1000 ms/);
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, GRU_INPUT], data: gruInput(1, 1) }];
    const body = JSON.stringify({ parameters: { sequence_id: '1' }, inputs });
    const later = await fetch(`${sidecar.rest}/v2/models/brief/infer`, { method: 'POST', body });
    assert.equal(later.status, hasFeature('open-inference') ? 400 : 404);
    if (hasFeature('open-inference')) {
      const lost =
        /^inference request for sequence 1 to model 'brief' comes after the sequence was lost; .* has expired/;
      assert.match(((await later.json()) as { error: string }).error, lost);
    }
    assert.equal(await metric('pillion_sequences', 'model="brief"'), 0);
  });

  it('a state that grows over its bound fails its step, and the sequence can be ended', async () => {
    // One step of 70,000 rows: 560 KB, and the next one twice that.
    const x = { x: Array.from({ length: 70_000 }, () => [1, 2]) };
    assert.equal((await step('cache', 'big', 'start', x)).status, 200);
    const over = await step('cache', 'big', '', x);
    assert.equal(over.status, 413);
    assert.match(over.error!, /1048576 are the most .* the sequence is as before this step/);
    assert.equal((await step('cache', 'big', 'end', x)).status, 200);
  });
});
