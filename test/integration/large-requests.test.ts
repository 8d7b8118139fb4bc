/** Requests of more rows than a batch: each row has its own answer, whether the request is cut or not. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { onnxModel } from '../support/onnx-model.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';

const ROWS = 2000;
const RUNS = Math.ceil(ROWS / 64);

/** y = x + x, which takes next to no time. */
function writeDouble(directory: string): void {
  mkdirSync(join(directory, '1'), { recursive: true });
  const model = onnxModel({
    inputs: [{ name: 'x', dtype: 'float32', dims: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: ['N', 2] }],
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
  });
  writeFileSync(join(directory, '1', 'model.onnx'), model);
}

/** How many runs one request of ROWS rows takes. */
async function runsOf(flags: readonly string[]): Promise<number> {
  const sidecar = await startSidecar(flags);
  const runs = async (): Promise<number> => {
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    return Number(/^pillion_batch_size_count\{[^}]*model="double"[^}]*\} (\d+)$/m.exec(page)?.[1] ?? 0);
  };
  const before = await runs();
  const instances = Array.from({ length: ROWS }, (_, i) => [i, i + 0.5]);
  const body = JSON.stringify({ instances });
  const answer = await fetch(`${sidecar.rest}/v1/models/double:predict`, { method: 'POST', body });
  const { predictions } = (await answer.json()) as { predictions: number[][] };
  assert.deepEqual(
    predictions,
    instances.map((row) => row.map((value) => 2 * value)),
  );
  const taken = (await runs()) - before;
  assert.equal(await sidecar.stop(), 0);
  return taken;
}

describe('a request of many rows to a model that takes next to no time', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  const model = `--model=double=${directory}`;

  before(() => writeDouble(directory));
  after(async () => {
    await killSidecars();
    rmSync(directory, { recursive: true });
  });

  it('is cut where a largest batch is configured', async () => {
    assert.equal(await runsOf([model, '--max_batch_size=64']), RUNS);
  });

  it('is answered in no more runs where none is', async () => {
    const taken = await runsOf([model]);
    assert.ok(taken >= 1 && taken <= RUNS, `${taken} runs`);
  });
});
