/**
 * Models of TensorFlow share runs only where their graph keeps rows apart: a hundred runs with values of other sizes show
 * nothing of rows that meet beyond a limit.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ModelsReport, SignatureReport } from '../../../../src/admin/models-report.ts';
import { farAnswer, LIMITS, WIDTH, writeFarJsonModel, writeFarSavedModel } from '../../../support/far-values.ts';
import { untilProved } from '../../../support/proved-axes.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { DIGITS_MODELS, FIXTURES } from '../tfjs-models.ts';

const CALLS = 144;
/** One call in so many has a value beyond the limit. */
const FAR_EACH = 12;
const MODELS = { ids: 'ids', floats: 'floats', 'floats-tfjs': 'floats' } as const;
const APART = {
  half_plus_two: FIXTURES,
  digits_tensorflow: DIGITS_MODELS,
  digits_tfjs: DIGITS_MODELS,
  digits_layers: DIGITS_MODELS,
};

describe('models of TensorFlow', () => {
  const root = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;

  before(async () => {
    writeFarSavedModel(join(root, 'ids'), 'ids');
    writeFarSavedModel(join(root, 'floats'), 'floats');
    writeFarJsonModel(join(root, 'floats-tfjs'));
    sidecar = await startSidecar([
      ...Object.keys(MODELS).map((name) => `--model=${name}=${join(root, name)},process_group=tensorflow`),
      ...Object.entries(APART).map(([name, parent]) => `--model=${name}=${parent}/${name},process_group=tensorflow`),
      '--num_batch_threads=1',
      // Requests that share no runs all wait at once.
      '--max_enqueued_batches=1000',
    ]);
    await untilProved(sidecar);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(root, { recursive: true, force: true });
  });

  async function axisOf(model: string): Promise<SignatureReport> {
    const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
    const { signatures = [] } = report.models.find(({ name }) => name === model)!.versions[0]!;
    return signatures.find(({ name }) => name === 'serving_default')!;
  }

  async function isWrong(model: keyof typeof MODELS, call: number): Promise<boolean> {
    const kind = MODELS[model];
    const small = Array.from({ length: WIDTH }, (_, i) => call + i);
    const x = [call % FAR_EACH === 0 ? small.with(0, 2 * LIMITS[kind]) : small];
    const body = JSON.stringify({ inputs: { x } });
    const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body });
    const { outputs: y, error } = (await answer.json()) as { outputs: number[][]; error?: string };
    assert.equal(error, undefined);
    return String(y) !== String(farAnswer(kind, x));
  }

  for (const model of Object.keys(MODELS) as (keyof typeof MODELS)[]) {
    it(`whose rows meet beyond a limit run each request as it came: ${model}`, async () => {
      const wrong = await Promise.all(Array.from({ length: CALLS }, (_, i) => isWrong(model, i)));
      assert.equal(wrong.filter((each) => each).length, 0);
      const { batch_axis, reason } = await axisOf(model);
      assert.equal(batch_axis, 'none');
      assert.match(reason!, /^node "any" \(Any\): it reduces axis 0, which has the rows$/);
    });
  }

  it('whose graph keeps rows apart are batched, and say why', async () => {
    for (const model of Object.keys(APART)) {
      const { batch_axis, reason } = await axisOf(model);
      assert.deepEqual([model, batch_axis], [model, 'dynamic']);
      assert.match(reason!, /^proved from the graph and by \d+ runs$/);
    }
  });
});
