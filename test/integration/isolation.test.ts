/**
 * Requests whose values ONNX Runtime cannot take, among others in one batch, in a sidecar of its own. Batches wait until
 * they are full, so that it is known who shares one.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { callTogether } from '../support/call-together.ts';
import type { Answer } from '../support/grpc-harness.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const BATCH = 8;
const TABLE = [10, 11, 12, 13];

/** y = table[ids]: an id out of range fails the run. */
function writeLookup(directory: string): void {
  mkdirSync(join(directory, '1'), { recursive: true });
  const table = { name: 'table', dtype: 'float32', dims: [TABLE.length] } as const;
  const model = onnxModel({
    inputs: [{ name: 'ids', dtype: 'int32', dims: ['N'] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: ['N'] }],
    nodes: [{ op: 'Gather', inputs: ['table', 'ids'], outputs: ['y'] }],
    initializers: [{ ...table, data: new Uint8Array(Float32Array.from(TABLE).buffer) }],
  });
  writeFileSync(join(directory, '1', 'model.onnx'), model);
}

describe('A request that a runtime cannot take, in a batch of eight', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;

  before(async () => {
    writeLookup(join(directory, 'lookup'));
    sidecar = await startSidecar([
      `--model=lookup=${join(directory, 'lookup')}`,
      `--max_batch_size=${BATCH}`,
      '--batch_timeout_micros=60000000',
    ]);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  function lookUp(ids: readonly number[]): Promise<Answer[]> {
    const tensor = (id: number): object => ({
      dtype: 'DT_INT32',
      tensor_shape: { dim: [{ size: 1, name: '' }] },
      int_val: [id],
    });
    const model_spec = { name: 'lookup' };
    const requests = ids.map((id) => ({ model_spec, inputs: { ids: tensor(id) } }));
    return callTogether(sidecar.grpc, 'Predict', requests);
  }

  async function admin(path: string): Promise<Answer> {
    return (await fetch(`${sidecar.admin}${path}`)).json();
  }

  it('fails alone, with ONNX Runtime’s words for its own run', async () => {
    const answers = await lookUp([0, 1, 2, 99, 3, 2, 1, 0]);
    const values = answers.map((answer) => answer.outputs?.y.float_val[0]);
    assert.deepEqual(values, [10, 11, 12, undefined, 13, 12, 11, 10]);
    assert.equal(answers[3].code, Status.INVALID_ARGUMENT);
    assert.match(answers[3].details, /send other values: .*Gather.*idx=99/);
  });

  it('is shown: in metrics, and for each request that was run again', async () => {
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    assert.match(page, /pillion_isolations_total\{model="lookup",[^}]*result="run_again"\} 1/);
    assert.match(page, /pillion_batches_total\{model="lookup",[^}]*reason="isolation",outcome="ok"\} 3/);
    assert.match(page, /pillion_batches_total\{model="lookup",[^}]*reason="isolation",outcome="backend_failed"\} 2/);
    assert.match(page, /pillion_batches_total\{model="lookup",[^}]*reason="isolation",outcome="invalid_request"\} 1/);
    assert.match(page, /pillion_isolations_total\{model="lookup",[^}]*result="values"\} 1/);
    const { requests } = await admin('/requests?model=lookup');
    assert.equal(requests.length, BATCH);
    for (const { isolated } of requests)
      assert.deepEqual([isolated.because, isolated.tasks], ['backend_failed', BATCH]);
  });

  it('opens no circuit breaker, however often it comes', async () => {
    for (let i = 0; i < 6; i++) {
      const answers = await lookUp([0, 1, 2, 3, 0, 1, 2, -50]);
      assert.equal(answers.filter(({ outputs }) => outputs !== undefined).length, BATCH - 1);
    }
    const { models } = await admin('/models');
    const lookup = models.find(({ name }: Answer) => name === 'lookup');
    assert.equal(lookup.versions[0].breaker.state, 'closed', JSON.stringify(lookup.versions[0]));
  });
});
