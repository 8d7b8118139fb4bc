/** Rows of different requests share a run only where that is proved: a running sidecar's answers, under load. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it, type TestContext } from 'node:test';
import type { ModelsReport } from '../../src/admin/models-report.ts';
import { fakeModelFlag } from '../support/fake-model.ts';
import { type OnnxGraph, type OnnxNode, onnxModel } from '../support/onnx-model.ts';
import { untilProved } from '../support/proved-axes.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const CALLERS = 32;
const ROUNDS = 20;
const WIDTH = 8;
const TOLERANCE = 1e-5;
/** Of a model that takes 30 ms: its proof has ended long before. */
const MOST_ANSWERS = 10_000;

type Rows = readonly (readonly number[])[];

after(killSidecars);

/** x [T, 8] → y [T, 8]. */
function graphOf(...nodes: OnnxNode[]): OnnxGraph {
  const x = { name: 'x', dtype: 'float32', dims: ['T', WIDTH] } as const;
  return { inputs: [x], outputs: [{ ...x, name: 'y' }], nodes };
}

const NORMALIZATION = graphOf({ op: 'LpNormalization', inputs: ['x'], outputs: ['y'], attributes: { axis: 0, p: 2 } });
const ATTENTION = graphOf(
  { op: 'Transpose', inputs: ['x'], outputs: ['xt'], attributes: { perm: [1, 0] } },
  { op: 'MatMul', inputs: ['x', 'xt'], outputs: ['scores'] },
  { op: 'Softmax', inputs: ['scores'], outputs: ['weights'], attributes: { axis: 1 } },
  { op: 'MatMul', inputs: ['weights', 'x'], outputs: ['y'] },
);

function normalized(x: Rows): Rows {
  const norms = x[0]!.map((_, i) => Math.hypot(...x.map((row) => row[i]!)));
  return x.map((row) => row.map((v, i) => v / norms[i]!));
}

function attended(x: Rows): Rows {
  return x.map((a) => {
    const powers = x.map((b) => Math.exp(a.reduce((sum, v, i) => sum + v * b[i]!, 0)));
    const sum = powers.reduce((one, other) => one + other, 0);
    return a.map((_, i) => powers.reduce((one, power, t) => one + (power / sum) * x[t]![i]!, 0));
  });
}

async function serve(t: TestContext, model: OnnxGraph): Promise<Sidecar> {
  const base = tempDirectory(t);
  mkdirSync(join(base, '1'));
  writeFileSync(join(base, '1', 'model.onnx'), onnxModel(model));
  return startSidecar([`--model=m=${base}`]);
}

function randomRows(count: number): Rows {
  return Array.from({ length: count }, () => Array.from({ length: WIDTH }, () => Math.fround(2 * Math.random() - 1)));
}

async function predict({ rest }: Sidecar, inputs: object): Promise<unknown> {
  const answer = await fetch(`${rest}/v1/models/m:predict`, { method: 'POST', body: JSON.stringify({ inputs }) });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return (JSON.parse(text) as { outputs: unknown }).outputs;
}

/** Whether the answer for `x` is wrong. */
async function isWrong(sidecar: Sidecar, x: Rows, wanted: Rows): Promise<boolean> {
  const y = (await predict(sidecar, { x })) as Rows;
  return y.length !== x.length || y.some((row, r) => row.some((v, i) => !(Math.abs(v - wanted[r]![i]!) <= TOLERANCE)));
}

for (const [name, graph, reference] of [
  ['a normalization over axis 0', NORMALIZATION, normalized],
  ['attention over time', ATTENTION, attended],
] as const) {
  it(`${name}: no answer for ${CALLERS} callers is wrong, and none for 100 rows`, async (t) => {
    const sidecar = await serve(t, graph);
    let wrong = 0;
    const call = async (caller: number): Promise<void> => {
      for (let i = 0; i < ROUNDS; i++) {
        const x = randomRows(1 + ((caller + i) % 9));
        if (await isWrong(sidecar, x, reference(x))) wrong += 1;
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller)));
    assert.equal(wrong, 0);
    const long = randomRows(100);
    assert.equal(await isWrong(sidecar, long, reference(long)), false);
    const [signature] = (await reportOf(sidecar)).models[0]!.versions[0]!.signatures!;
    assert.equal(signature!.batch_axis, 'none');
    assert.equal(await sidecar.stop(), 0);
  });
}

async function reportOf({ admin }: Sidecar): Promise<ModelsReport> {
  return (await fetch(`${admin}/models`)).json() as Promise<ModelsReport>;
}

it('a slow model serves at once, and is batched under load without a failed request', async (t) => {
  const model = fakeModelFlag(t, 'm', '', 'fake-backend', { runMs: 30 });
  const options = [model, '--num_batch_threads=1', '--host=thread', `--state_dir=${tempDirectory(t)}`];
  const sidecar = await startSidecar(options);
  const axis = async (of = sidecar) => (await reportOf(of)).models[0]!.versions[0]!.signatures![0]!;
  assert.deepEqual(await axis(), { name: 'serving_default', batch_axis: 'none', reason: 'the proof still runs' });
  let most = MOST_ANSWERS;
  let answers = 0;
  const call = async (caller: number): Promise<void> => {
    while (answers < most) {
      const x = [caller, answers % 50];
      assert.deepEqual(
        await predict(sidecar, { x }),
        x.map((v) => v / 2 + 2),
      );
      answers += 1;
    }
  };
  const callers = Array.from({ length: 8 }, (_, caller) => call(caller));
  const found = sidecar.line(({ event, batch_axis }) => event === 'batch_axis' && batch_axis === 'dynamic');
  await Promise.race([found, Promise.all(callers)]);
  // Some more with the batched signature.
  await untilProved(sidecar);
  most = Math.min(most, answers + 50);
  await Promise.all(callers);
  assert.equal((await axis()).batch_axis, 'dynamic');
  assert.match((await axis()).reason!, /^seen in \d+ runs$/);
  assert.equal(await sidecar.stop(), 0);
  // The next start knows it from the beginning.
  const again = await startSidecar(options);
  assert.equal((await axis(again)).batch_axis, 'dynamic');
  assert.equal(await again.stop(), 0);
});

it('a version that is unloaded while its proof runs ends it', async (t) => {
  const sidecar = await startSidecar([fakeModelFlag(t, 'm', '', 'fake-backend', { runMs: 60 }), '--host=thread']);
  assert.equal(await sidecar.stop(), 0);
  assert.ok(!sidecar.output().includes('"level":"error"'), sidecar.output());
});
