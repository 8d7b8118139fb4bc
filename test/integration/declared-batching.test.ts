/**
 * A model whose owner declares where its rows are, in a sidecar of its own: 32 streams of silero-vad's signature get what
 * each gets alone. And models that are run as requests come.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { onnxModel } from '../support/onnx-model.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { VAD_BATCHING, VAD_STATE, writeVad } from '../support/vad-model.ts';

const CALLERS = 32;
const STEPS = 93;
const SAMPLES = 16;

type State = number[][][];

interface Answer {
  readonly output: number[][];
  readonly stateN: State;
}

/** y = the sum of all rows: a model without a batch axis, though its dims 0 are free. */
function writeSum(directory: string, yaml?: string): void {
  mkdirSync(join(directory, '1'), { recursive: true });
  const model = onnxModel({
    inputs: [{ name: 'x', dtype: 'float32', dims: ['T', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: ['T', 2] }],
    nodes: [{ op: 'ReduceMean', inputs: ['x'], outputs: ['y'], attributes: { axes: [0], keepdims: 1 } }],
  });
  writeFileSync(join(directory, '1', 'model.onnx'), model);
  if (yaml !== undefined) writeFileSync(join(directory, '1', 'pillion.yaml'), yaml);
}

/** y = 2 x, of exactly so many rows. */
function writeFixed(directory: string, rows: number): void {
  mkdirSync(join(directory, '1'), { recursive: true });
  const model = onnxModel({
    inputs: [{ name: 'x', dtype: 'float32', dims: [rows, 2] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: [rows, 2] }],
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  });
  writeFileSync(join(directory, '1', 'model.onnx'), model);
}

describe('batching that is declared', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  const at = (name: string): string => join(directory, name);
  let sidecar: Sidecar;

  before(async () => {
    writeVad(at('vad'), VAD_BATCHING);
    writeVad(at('alone'), 'batching: off\n');
    writeSum(at('lie'), 'batching: {inputs: {x: {batch_axis: 0}}}\n');
    writeSum(at('off'), 'batching: off\n');
    for (const rows of [1, 4]) writeFixed(at(`fixed${rows}`), rows);
    const model = (name: string): string => `--model=${name}=${at(name)}`;
    sidecar = await startSidecar([
      ...['vad', 'alone', 'lie', 'off', 'fixed1', 'fixed4'].map(model),
      '--max_batch_size=16',
    ]);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  async function predict<T>(model: string, body: object): Promise<T> {
    const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const { outputs, error } = (await answer.json()) as { outputs: T; error?: string };
    assert.equal(error, undefined);
    return outputs;
  }

  /** A stream: each step sends the state that the step before gave. */
  async function stream(model: string, caller: number): Promise<Answer[]> {
    const answers: Answer[] = [];
    let state: State = [0, 1].map(() => [new Array<number>(VAD_STATE).fill(caller)]);
    for (let step = 0; step < STEPS; step++) {
      const input = [Array.from({ length: SAMPLES }, (_, i) => (7 * caller + 3 * step * i + i) % 17)];
      const answer = await predict<Answer>(model, { inputs: { input, state, sr: caller % 2 === 0 ? 8000 : 16000 } });
      answers.push(answer);
      state = answer.stateN;
    }
    return answers;
  }

  async function batchesOf(model: string): Promise<{ readonly batches: number; readonly rows: number }> {
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    const sum = (name: string): number =>
      [...page.matchAll(new RegExp(`^${name}\\{[^}]*model="${model}"[^}]*\\} (\\d+)`, 'gm'))]
        .map(([, value]) => Number(value))
        .reduce((a, b) => a + b, 0);
    return { batches: sum('pillion_batch_size_count'), rows: sum('pillion_batch_size_sum') };
  }

  it('gives each of 32 streams what it gets alone, in shared runs', async () => {
    const callers = Array.from({ length: CALLERS }, (_, i) => i);
    const alone = await Promise.all(callers.map((caller) => stream('alone', caller)));
    const together = await Promise.all(callers.map((caller) => stream('vad', caller)));
    assert.deepEqual(together, alone);
    const [shared, single] = [await batchesOf('vad'), await batchesOf('alone')];
    assert.deepEqual([shared.rows, single.rows], [CALLERS * STEPS, CALLERS * STEPS]);
    assert.equal(single.batches, CALLERS * STEPS);
    assert.ok(shared.batches < CALLERS * STEPS, 'runs were shared');
  });

  it('cuts a large request along its axes', async () => {
    const rows = 40;
    const input = Array.from({ length: rows }, (_, row) => new Array<number>(4).fill(row));
    const state = [0, 1].map((half) =>
      input.map((_, row) => Array.from({ length: VAD_STATE }, (_, i) => row + half + i)),
    );
    const body = { inputs: { input, state, sr: 2 } };
    assert.deepEqual(await predict('vad', body), await predict('alone', body));
  });

  it('refuses rows that are sent as instances', async () => {
    const body = JSON.stringify({ instances: [{ input: [1], state: [[1], [2]], sr: 1 }] });
    const answer = await fetch(`${sidecar.rest}/v1/models/vad:predict`, { method: 'POST', body });
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /rows are not at dim 0 of every input and output; send \\"inputs\\" instead/);
  });

  it('takes any number of rows for a model of a fixed size', async () => {
    const rowsFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => [first + i, -first - i]);
    for (const model of ['fixed1', 'fixed4']) {
      const before = (await batchesOf(model)).batches;
      const requests = [1, 2, 3, 6, 9].map((count, i) => rowsFrom(100 * i + 1, count));
      const answers = await Promise.all(requests.map((x) => predict<number[][]>(model, { inputs: x })));
      assert.deepEqual(
        answers,
        requests.map((x) => x.map((row) => row.map((value) => 2 * value))),
      );
      const runs = (await batchesOf(model)).batches - before;
      assert.ok(model === 'fixed1' ? runs === 21 : runs >= 6 && runs <= 8, `${runs} runs of ${model}`);
    }
  });

  it('runs a request as it came where it is off', async () => {
    const x = Array.from({ length: 40 }, (_, i) => [i, 2 * i]);
    assert.deepEqual(await predict('off', { inputs: x }), [[19.5, 39]]);
  });

  it('is given up where the model contradicts it, and this is told', async () => {
    const x = Array.from({ length: 40 }, (_, i) => [i, 2 * i]);
    // Cut in three parts, whose outputs show that there are no rows.
    assert.deepEqual(await predict('lie', { inputs: x }), [[19.5, 39]]);
    const warning = await sidecar.line(({ event, model }) => event === 'config_warning' && model === 'lie');
    assert.match(
      String(warning.msg),
      /signature "serving_default" is not batched any more: output "y" has shape \[1,2\]/,
    );
    const { models } = (await (await fetch(`${sidecar.admin}/models`)).json()) as {
      models: { name: string; versions: { warnings?: string[] }[] }[];
    };
    const told = models
      .filter(({ versions }) => versions[0]?.warnings?.some((each) => each.includes('is not batched any more')))
      .map(({ name }) => name);
    assert.deepEqual(told, ['lie']);
  });
});

describe('--max_batch_size=1', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  after(() => {
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  it('runs a request of six steps once', async () => {
    writeSum(directory);
    const sidecar = await startSidecar([`--model=sum=${directory}`, '--max_batch_size=1']);
    const answer = await fetch(`${sidecar.rest}/v1/models/sum:predict`, {
      method: 'POST',
      body: JSON.stringify({ inputs: [0, 1, 2, 3, 4, 5].map((i) => [i, i]) }),
    });
    assert.deepEqual(await answer.json(), { outputs: [[2.5, 2.5]] });
    assert.equal(await sidecar.stop(), 0);
  });

  it('a declaration that does not fit the graph fails the load, with its place', async () => {
    writeVad(join(directory, 'vad'), 'batching:\n  inputs: {stat: {batch_axis: 1}}\n');
    const sidecar = runPillion([
      'serve',
      ...['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'],
      `--model=vad=${join(directory, 'vad')}`,
    ]);
    await sidecar.printed('pillion.yaml:2:12: the graph has no input');
    await sidecar.stop();
  });
});
