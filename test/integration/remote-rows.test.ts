/**
 * A sidecar in front of another: rows of several callers share a call only where the other server says that its model
 * keeps them apart, and only as long as it says so.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ModelsReport, SignatureReport } from '../../src/admin/models-report.ts';
import { type OnnxNode, onnxModel } from '../support/onnx-model.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';

const CALLS = 144;
/** At a time, while the model is replaced. */
const CALLS_OF_SWAP = 40;
const WIDTH = 4;
const PROTOCOLS = ['tensorflow-serving', 'v2'] as const;

type Rows = readonly (readonly number[])[];

/** y = x with each column divided by its norm: every row meets every other. */
const MIXES: OnnxNode = { op: 'LpNormalization', inputs: ['x'], outputs: ['y'], attributes: { axis: 0, p: 2 } };
/** y = 2 x. */
const DOUBLES: OnnxNode = { op: 'Add', inputs: ['x', 'x'], outputs: ['y'] };

const doubled = (x: Rows): Rows => x.map((row) => row.map((v) => 2 * v));

function normalized(x: Rows): Rows {
  const norms = x[0]!.map((_, i) => Math.hypot(...x.map((row) => row[i]!)));
  return x.map((row) => row.map((v, i) => v / norms[i]!));
}

function writeVersion(directory: string, node: OnnxNode): void {
  const x = { name: 'x', dtype: 'float32', dims: ['T', WIDTH] } as const;
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'model.onnx'),
    onnxModel({ inputs: [x], outputs: [{ ...x, name: 'y' }], nodes: [node] }),
  );
}

function randomRows(count: number): Rows {
  return Array.from({ length: count }, () => Array.from({ length: WIDTH }, () => Math.fround(Math.random() + 0.5)));
}

describe('a model of another sidecar', () => {
  const root = mkdtempSync(join(tmpdir(), 'pillion-'));
  let far: Sidecar;
  let near: Sidecar;

  /** A model of the near sidecar that stands for one of the far one. Returns its flag. */
  const remote = (name: string, model: string, protocol: string, more = ''): string => {
    const directory = join(root, 'near', name);
    mkdirSync(join(directory, '1'), { recursive: true });
    const lines = [`address: ${far.grpc}`, `model: ${model}`, `protocol: ${protocol}`, 'concurrency: 1', more];
    writeFileSync(join(directory, '1', 'remote.yaml'), lines.join('\n'));
    return `--model=${name}=${directory}`;
  };

  before(async () => {
    for (const [name, node] of [
      ['mixes', MIXES],
      ['doubles', DOUBLES],
      ['changes', DOUBLES],
    ] as const) {
      writeVersion(join(root, 'far', name, '1'), node);
    }
    far = await startSidecar([
      ...['mixes', 'doubles', 'changes'].map((name) => `--model=${name}=${join(root, 'far', name)}`),
      '--file_system_poll_wait_seconds=1',
    ]);
    near = await startSidecar([
      ...PROTOCOLS.flatMap((protocol) =>
        ['mixes', 'doubles', 'changes'].map((name) => remote(`${name}-${protocol}`, name, protocol)),
      ),
      remote('declared', 'mixes', 'tensorflow-serving', 'batching: true'),
      // Requests that share no calls all wait at once.
      '--max_enqueued_batches=1000',
    ]);
  });
  after(async () => {
    assert.equal(await near.stop(), 0);
    assert.equal(await far.stop(), 0);
    killSidecars();
    rmSync(root, { recursive: true, force: true });
  });

  async function axisOf(model: string): Promise<SignatureReport> {
    const report = (await (await fetch(`${near.admin}/models`)).json()) as ModelsReport;
    return report.models.find(({ name }) => name === model)!.versions[0]!.signatures![0]!;
  }

  /** How many of so many answers at once are wrong; `references` = those of which one must hold. */
  async function wrongAnswers(
    calls: number,
    model: string,
    ...references: readonly ((x: Rows) => Rows)[]
  ): Promise<number> {
    const isWrong = async (x: Rows): Promise<boolean> => {
      const body = JSON.stringify({ inputs: { x } });
      const answer = await fetch(`${near.rest}/v1/models/${model}:predict`, { method: 'POST', body });
      const { outputs: y, error } = (await answer.json()) as { outputs: Rows; error?: string };
      assert.equal(error, undefined);
      return references.every((reference) => {
        const wanted = reference(x);
        return y.length !== x.length || y.some((row, r) => row.some((v, i) => Math.abs(v - wanted[r]![i]!) > 1e-4));
      });
    };
    const found = await Promise.all(Array.from({ length: calls }, (_, i) => isWrong(randomRows(1 + (i % 3)))));
    return found.filter((wrong) => wrong).length;
  }

  for (const protocol of PROTOCOLS) {
    it(`that mixes rows gets each request as it came (${protocol})`, async () => {
      assert.equal(await wrongAnswers(CALLS, `mixes-${protocol}`, normalized), 0);
      const { batch_axis, reason } = await axisOf(`mixes-${protocol}`);
      assert.equal(batch_axis, 'none');
      assert.match(reason!, /^as its server says: node .*LpNormalization/);
    });

    it(`that keeps rows apart is batched, because its server has proved it (${protocol})`, async () => {
      const { batch_axis, reason } = await axisOf(`doubles-${protocol}`);
      assert.deepEqual([batch_axis, /^as its server says: proved from the graph/.test(reason!)], ['dynamic', true]);
      assert.equal(await wrongAnswers(CALLS, `doubles-${protocol}`, doubled), 0);
    });
  }

  it('is batched as its owner declares here, whatever its server has found out', async () => {
    assert.equal((await axisOf('declared')).reason, 'declared in remote.yaml');
    assert.notEqual(await wrongAnswers(CALLS, 'declared', normalized), 0, 'no two requests shared a call');
  });

  it('is not batched any more from the first answer of another version on, of which this is not known', async () => {
    for (const protocol of PROTOCOLS) assert.equal((await axisOf(`changes-${protocol}`)).batch_axis, 'dynamic');
    const staged = join(root, 'staged');
    writeVersion(staged, MIXES);
    renameSync(staged, join(root, 'far', 'changes', '2'));
    const isSwapped = async (): Promise<boolean> => {
      const report = (await (await fetch(`${far.admin}/models`)).json()) as ModelsReport;
      const { versions } = report.models.find(({ name }) => name === 'changes')!;
      return !versions.some(({ version, state }) => version === '1' && state !== 'END');
    };
    const load = async (model: string): Promise<number> => {
      let wrong = 0;
      for (let rounds = 0; rounds < 2; rounds += (await isSwapped()) ? 1 : 0) {
        wrong += await wrongAnswers(CALLS_OF_SWAP, model, doubled, normalized);
      }
      return wrong;
    };
    const wrong = await Promise.all(PROTOCOLS.map((protocol) => load(`changes-${protocol}`)));
    assert.deepEqual(wrong, [0, 0]);
    for (const protocol of PROTOCOLS) {
      await near.line(({ event, model, batch_axis }) => {
        return event === 'batch_axis' && model === `changes-${protocol}` && batch_axis === 'none';
      });
      assert.equal(await wrongAnswers(CALLS_OF_SWAP, `changes-${protocol}`, normalized), 0);
    }
  });
});
