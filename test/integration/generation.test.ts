/**
 * GPT-2's graph as a model with a state: its cache begins empty and grows with each token. 32 sequences at a time, whose
 * prompts have different lengths, get what the runtime gives to each that is stepped alone.
 */

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { zerosOf } from '../../src/core/tensor.ts';
import { gpt2Cache, SMALL_GPT2, writeGpt2 } from '../support/gpt2-model.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { compare, type StatefulModel, type Stream, stepAlone, stepServed } from '../support/streams.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { Callers } from '../zoo/callers.ts';
import { filled, openOnnx } from '../zoo/runtime-alone.ts';

const SEQUENCES = 32;
/** Of a step each, after the prompt's. */
const TOKENS = 20;
const PROMPTS = [1, 3, 6, 10];
/** The runtime's own: what its answers differ by between a stream alone and in a batch. */
const MOST_DIFFERENCE = 1e-4;

const GPT2: StatefulModel = {
  name: 'gpt2',
  state: Object.fromEntries(
    gpt2Cache(SMALL_GPT2).map(([past, output]) => [
      past,
      { output, zeros: zerosOf('float32', [1, SMALL_GPT2.heads, 0, SMALL_GPT2.headSize]) },
    ]),
  ),
};

const promptOf = (sequence: number): number => PROMPTS[sequence % PROMPTS.length]!;
const integers = (length: number, value: (i: number) => number) => filled('int64', [1, length], value);

/** A prompt in one step, and then token after token. */
function streamOf(sequence: number): Stream {
  const prompt = promptOf(sequence);
  return Array.from({ length: 1 + TOKENS }, (_, step) => {
    const [from, length] = step === 0 ? [0, prompt] : [prompt + step - 1, 1];
    return new Map([
      ['input_ids', integers(length, (i) => (31 * sequence + 7 * (from + i) ** 2) % SMALL_GPT2.tokens)],
      ['position_ids', integers(length, (i) => from + i)],
      ['attention_mask', integers(from + length, () => 1)],
    ]);
  });
}

const STREAMS = Array.from({ length: SEQUENCES }, (_, i) => streamOf(i));

describe('GPT-2 with a cache', () => {
  afterEach(killSidecars);

  for (const { title, flags, isExact } of [
    { title: 'in shared runs', flags: ['--max_batch_size=16'], isExact: false },
    { title: 'in runs of one row, to the bit', flags: ['--max_batch_size=1'], isExact: true },
  ]) {
    it(`answers ${SEQUENCES} sequences as the runtime does each alone, ${title}`, async (t) => {
      const directory = tempDirectory(t);
      const runtime = await openOnnx(writeGpt2(directory, SMALL_GPT2));
      const alone = (await Promise.all(STREAMS.map((stream) => stepAlone(runtime, GPT2, [stream])))).flat();
      await runtime.close();
      const sidecar = await startSidecar([`--model=gpt2=${directory}`, '--intra_op_threads=1', ...flags]);
      const before = await metrics(sidecar.admin);
      const callers = new Callers(sidecar);
      const served = await stepServed(callers, GPT2, STREAMS, alone);
      callers.close();
      const after = await metrics(sidecar.admin);
      assert.equal(await sidecar.stop(), 0);
      const rowsPerRun = (after.rows - before.rows) / (after.runs - before.runs);
      const { steps, equal, largest } = compare(alone, served);
      t.diagnostic(
        `${steps} steps, ${rowsPerRun.toFixed(2)} rows a run, ${equal} equal to the bit, others by ${largest}`,
      );
      assert.equal(steps, SEQUENCES * (1 + TOKENS));
      if (isExact) assert.equal(equal, steps);
      else assert.ok(rowsPerRun > 1, 'runs were shared');
      assert.ok(largest < MOST_DIFFERENCE);
      assert.equal(after.open, 0);
      assert.equal(after.bytes, 0);
    });
  }
});

async function metrics(admin: string) {
  const page = new MetricsPage(await (await fetch(`${admin}/metrics`)).text());
  const open = page.value('pillion_sequences', { model: 'gpt2' });
  const bytes = page.value('pillion_sequence_state_bytes', { model: 'gpt2' });
  return { ...page.ran('gpt2'), open, bytes };
}
