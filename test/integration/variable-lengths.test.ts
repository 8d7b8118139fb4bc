/**
 * Requests of different lengths, in a sidecar of its own: where padding is proved to change nothing, 32 callers get what
 * each gets alone, in fewer runs; elsewhere it is refused, and everybody who asks is told why.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ModelsReport, SignatureReport } from '../../src/admin/models-report.ts';
import { SENTENCE_MODELS, writeSentenceModel } from '../support/sentence-models.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';

const CALLERS = 32;
const ROUNDS = 8;
const TOLERANCE = 1e-5;

type Nested = number | readonly Nested[];

interface Sentence {
  readonly input_ids: number[][];
  readonly attention_mask: number[][];
}

function sentence(length: number, seed: number): Sentence {
  return {
    input_ids: [Array.from({ length }, (_, i) => (seed + 7 * i) % 50)],
    attention_mask: [new Array<number>(length).fill(1)],
  };
}

/** Shape and values are the same within the tolerance. */
function isClose(a: Nested, b: Nested): boolean {
  if (typeof a === 'number' || typeof b === 'number') {
    return typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= TOLERANCE;
  }
  return a.length === b.length && a.every((each, i) => isClose(each, b[i]!));
}

describe('requests of different lengths', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pillion-'));
  let sidecar: Sidecar;

  before(async () => {
    const models = Object.entries(SENTENCE_MODELS).map(([name, graph]) => {
      writeSentenceModel(join(directory, name), graph);
      return `--model=${name}=${join(directory, name)}`;
    });
    writeSentenceModel(join(directory, 'valued'), SENTENCE_MODELS.frames, 'batching: {pad_values: {frames: 0}}\n');
    models.push(`--model=valued=${join(directory, 'valued')}`);
    sidecar = await startSidecar([...models, '--pad_variable_length_inputs', '--num_batch_threads=1']);
  });
  after(async () => {
    assert.equal(await sidecar.stop(), 0);
    killSidecars();
    rmSync(directory, { recursive: true, force: true });
  });

  async function predict(model: string, inputs: object): Promise<Readonly<Record<string, Nested>>> {
    const body = JSON.stringify({ inputs });
    const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body });
    const { outputs, error } = (await answer.json()) as { outputs: Record<string, Nested>; error?: string };
    assert.equal(error, undefined);
    return outputs;
  }

  /** Once it is decided: a slow machine does so only while the model is served. */
  async function signatureOf(model: string): Promise<SignatureReport> {
    await sidecar.line((line) => line.event === 'padding' && line['model'] === model);
    const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
    return report.models.find(({ name }) => name === model)!.versions[0]!.signatures![0]!;
  }

  async function batchesOf(model: string): Promise<number> {
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    const counts = page.matchAll(new RegExp(`^pillion_batch_size_count\\{[^}]*model="${model}"[^}]*\\} (\\d+)`, 'gm'));
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  it('share runs, and get what they get alone', async () => {
    const { batch_axis: axis, padding } = await signatureOf('encoder');
    assert.deepEqual([axis, padding?.is_on], ['dynamic', true], padding?.reason);
    const sentences = Array.from({ length: CALLERS }, (_, i) => sentence(1 + ((5 * i) % 37), i));
    const alone: Readonly<Record<string, Nested>>[] = [];
    for (const each of sentences) alone.push(await predict('encoder', each));
    const before = await batchesOf('encoder');
    let wrong = 0;
    const call = async (caller: number): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) {
        const outputs = await predict('encoder', sentences[caller]!);
        for (const [name, own] of Object.entries(alone[caller]!)) if (!isClose(outputs[name]!, own)) wrong += 1;
      }
    };
    await Promise.all(sentences.map((_, caller) => call(caller)));
    assert.equal(wrong, 0);
    const batches = (await batchesOf('encoder')) - before;
    // No two callers send the same length.
    assert.ok(batches < CALLERS * ROUNDS, `${batches} runs for ${CALLERS * ROUNDS} requests`);
  });

  for (const [model, reason] of [
    ['unmasked', /output "pooled" of a row of length \d+ changes when it is padded to length \d+/],
    ['unnamed', /dim 1 of output "last_hidden_state" is free and it is not named "sequence"/],
    ['frames', /nothing tells what to pad input "frames" \(float32\) with; declare it/],
  ] as const) {
    it(`share none where that is refused: ${model}`, async () => {
      const { batch_axis: axis, padding } = await signatureOf(model);
      assert.equal(axis, 'dynamic');
      assert.equal(padding?.is_on, false);
      assert.match(padding?.reason ?? '', reason);
      const line = sidecar.lines.find((each) => each.event === 'padding' && each['model'] === model);
      assert.equal(line?.level, 'warn');
      assert.match(String(line?.msg), reason);
    });
  }

  /** A request in row format: its answer, or its error. */
  async function predictRows(
    model: string,
    instances: readonly object[],
  ): Promise<{ predictions: Nested[]; error: string }> {
    const body = JSON.stringify({ instances });
    const answer = await fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body });
    return (await answer.json()) as { predictions: Nested[]; error: string };
  }

  const rowOf = (length: number, seed: number): object => {
    const { input_ids, attention_mask } = sentence(length, seed);
    return { input_ids: input_ids[0], attention_mask: attention_mask[0] };
  };

  // The second body is read by the codec thread, and has more lengths than run at once.
  for (const count of [12, 300]) {
    it(`are the ${count} rows of one, each answered as if it had come alone`, async () => {
      await signatureOf('encoder');
      const rows = Array.from({ length: count }, (_, i) => rowOf(1 + ((7 * i) % count), i));
      const together = await predictRows('encoder', rows);
      assert.equal(together.error, undefined);
      assert.equal(together.predictions.length, count);
      for (const [i, row] of rows.entries()) {
        if (i % Math.ceil(count / 12) !== 0) continue;
        const alone = (await predictRows('encoder', [row])).predictions[0] as unknown as Record<string, Nested>;
        const own = together.predictions[i] as unknown as Record<string, Nested>;
        assert.deepEqual(Object.keys(own), Object.keys(alone));
        for (const [name, value] of Object.entries(alone)) assert.ok(isClose(own[name]!, value), `row ${i}, ${name}`);
      }
    });
  }

  it('fail together where one row is wrong, and leave nothing behind', async () => {
    await signatureOf('encoder');
    const { error } = await predictRows('encoder', [
      rowOf(3, 1),
      rowOf(5, 2),
      { input_ids: [1], attention_mask: [[1]] },
    ]);
    assert.match(error, /attention_mask.* has shape \[1,1,1\]/);
    const missing = await predictRows('encoder', [rowOf(3, 1), rowOf(5, 2), { input_ids: [1] }]);
    assert.match(missing.error, /instances\[2\] lacks "attention_mask"/);
    assert.equal((await predictRows('encoder', [rowOf(3, 1), rowOf(4, 2)])).predictions.length, 2);
  });

  it('are refused as rows of one where padding is not proved, with the option that may help', async () => {
    await signatureOf('unmasked');
    const { error } = await predictRows('unmasked', [{ input_ids: [1, 2, 3] }, { input_ids: [1] }]);
    assert.match(
      error,
      /instances\[1\]\.\w+ is a list of 1, but the first list there has 3; .*--pad_variable_length_inputs/,
    );
  });

  it('share runs of floats where the model’s file says what to pad with', async () => {
    const { padding } = await signatureOf('valued');
    assert.equal(padding?.is_on, true, padding?.reason);
    const frames = (count: number) => [Array.from({ length: count }, (_, i) => [i, 1, -i, 2])];
    const answers = await Promise.all([1, 5, 2, 9].map((count) => predict('valued', { frames: frames(count) })));
    for (const [i, count] of [1, 5, 2, 9].entries()) {
      const sum = (count * (count - 1)) / 2;
      assert.deepEqual(answers[i], [[sum, count, 0 - sum, 2 * count]]);
    }
  });

  it('are told of by status and doctor', async () => {
    for (const [command, text] of [
      ['status', /requests of different lengths do not share runs of signature serving_default: output "pooled"/],
      ['doctor', /pad_variable_length_inputs is set, but nothing tells what to pad input "frames"/],
    ] as const) {
      const child = runPillion([command, `--admin=${new URL(sidecar.admin).host}`]);
      await child.exited;
      assert.match(child.output().replace(/\s+/g, ' '), text);
    }
  });
});
