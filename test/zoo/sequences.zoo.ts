/**
 * silero-vad as a model with a state: 32 streams of sound at a time, half of them over each surface, get what the
 * runtime gives to each that is stepped alone; to the bit where a run is one row. In shared runs they differ by no more
 * than twice what the runtime's own answers do when it steps the same streams in batches.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { after, afterEach, describe, it } from 'node:test';
import { type Tensor, zerosOf } from '../../src/core/tensor.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import {
  type Answers,
  type Comparison,
  compare,
  type StatefulModel,
  type Stream,
  stepAlone,
  stepServed,
} from '../support/streams.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { Callers, WIDE_LIMITS } from './callers.ts';
import { type Random, sound } from './inputs.ts';
import { randomFrom } from './other-rows.ts';
import { print } from './print.ts';
import { openOnnx, type RuntimeAlone } from './runtime-alone.ts';

/** Where scripts/lib/suites.mjs has put the files. */
const FILES = process.env['PILLION_TEST_ZOO']!;
const SEQUENCES = 32;
/** Two seconds of sound. */
const STEPS = 64;
const BATCHES = [2, 3, 5, 8, 16, 32];
const MARGIN = 2;

const YAML = `batching:
  inputs: {input: {batch_axis: 0}, state: {batch_axis: 1}, SR}
  outputs: {output: {batch_axis: 0}, stateN: {batch_axis: 1}}
state:
  state: {output: stateN, shape: [2, 1, 128]}
`;

interface Voice {
  readonly file: string;
  /** Of its streams, by turns; undefined: it has one rate. */
  readonly rates: readonly number[] | undefined;
}

const MODELS: readonly Voice[] = [
  { file: 'silero_vad.onnx', rates: [16_000, 8000] },
  { file: 'silero_vad_16k_op15.onnx', rates: [16_000] },
  { file: 'silero_vad_half.onnx', rates: undefined },
];

const lines: string[] = [
  '| model | runs of | rows a run | steps | equal | greatest difference | the runtime’s own |',
  '|---|---|---|---|---|---|---|',
];

afterEach(killSidecars);
after(() => print(`\n${lines.join('\n')}`));

for (const voice of MODELS) describe(voice.file, () => checkVoice(voice));

function checkVoice({ file, rates }: Voice): void {
  const model: StatefulModel = {
    name: 'vad',
    state: { state: { output: 'stateN', zeros: zerosOf('float32', [2, 1, 128]) } },
    axes: { state: 1, stateN: 1, sr: 'same' },
  };
  const streams = Array.from({ length: SEQUENCES }, (_, i) => streamOf(randomFrom(i + 1), rates?.[i % rates.length]));

  for (const { most, isExact } of [
    { most: 32, isExact: false },
    { most: 1, isExact: true },
  ]) {
    it(`runs of up to ${most}`, { timeout: 120_000 }, async (t) => {
      const directory = tempDirectory(t);
      const runtime = await openOnnx(place(file, directory, rates !== undefined));
      const alone = (await Promise.all(streams.map((stream) => stepAlone(runtime, model, [stream])))).flat();
      assert.ok(differentAnswers(alone) > SEQUENCES * 2, 'the model hears something');
      const { served, rowsPerRun } = await serve(model, directory, most, streams, alone);
      const own = isExact ? 0 : await differenceOfBatches(runtime, model, streams, alone, rates?.length ?? 1);
      await runtime.close();
      const found = compare(alone, served);
      report(`${file} | 1 to ${most}`, found, rowsPerRun, own);
      assert.equal(found.steps, SEQUENCES * STEPS);
      if (isExact) assert.equal(found.equal, found.steps);
      else assert.ok(rowsPerRun > 1, 'runs were shared');
      assert.ok(found.largest <= MARGIN * own);
    });
  }
}

/** Sound and silence by turns, of 32 ms and a tenth of that before it, as its users send it. */
function streamOf(random: Random, rate: number | undefined): Stream {
  const samples = rate === 8000 ? 288 : 576;
  const sr: Tensor | undefined =
    rate === undefined
      ? undefined
      : { dtype: 'int64', shape: [], data: new Uint8Array(BigInt64Array.of(BigInt(rate)).buffer) };
  return Array.from({ length: STEPS }, (_, i) => {
    const input = i % 16 < 10 ? sound(random, [1, samples]) : zerosOf('float32', [1, samples]);
    return new Map<string, Tensor>([['input', input], ...(sr === undefined ? [] : [['sr', sr] as const])]);
  });
}

/** Makes the version's directory; returns the model's path. */
function place(file: string, directory: string, hasRate: boolean): string {
  const version = join(directory, '1');
  mkdirSync(version);
  const path = join(version, 'model.onnx');
  symlinkSync(join(FILES, 'silero_vad', 'data', file), path);
  writeFileSync(join(version, 'pillion.yaml'), YAML.replace(', SR', hasRate ? ', sr: {batch: same}' : ''));
  return path;
}

async function serve(
  model: StatefulModel,
  directory: string,
  most: number,
  streams: readonly Stream[],
  expected: readonly Answers[],
) {
  const flags = [`--max_batch_size=${most}`, '--intra_op_threads=1', ...WIDE_LIMITS];
  const sidecar = await startSidecar([`--model=${model.name}=${directory}`, ...flags]);
  const ran = async () => new MetricsPage(await (await fetch(`${sidecar.admin}/metrics`)).text()).ran(model.name);
  const before = await ran();
  const callers = new Callers(sidecar);
  const served = await stepServed(callers, model, streams, expected);
  callers.close();
  const after = await ran();
  assert.equal(await sidecar.stop(), 0);
  return { served, rowsPerRun: (after.rows - before.rows) / (after.runs - before.runs) };
}

/** The largest difference between the streams alone and the same streams that the runtime steps in batches. */
async function differenceOfBatches(
  runtime: RuntimeAlone,
  model: StatefulModel,
  streams: readonly Stream[],
  alone: readonly Answers[],
  kinds: number,
): Promise<number> {
  let largest = 0;
  for (let kind = 0; kind < kinds; kind++) {
    const isMine = (_: unknown, i: number): boolean => i % kinds === kind;
    const [mine, expected] = [streams.filter(isMine), alone.filter(isMine)];
    for (const rows of BATCHES.filter((each) => each <= mine.length)) {
      const together = await stepAlone(runtime, model, mine.slice(0, rows));
      largest = Math.max(largest, compare(expected.slice(0, rows), together).largest);
    }
  }
  return largest;
}

function differentAnswers(answers: readonly Answers[]): number {
  return new Set(answers.flat().map((answer) => String(answer.get('output')!.data))).size;
}

function report(what: string, { steps, equal, largest }: Comparison, rowsPerRun: number, own: number): void {
  const numbers = [rowsPerRun.toFixed(1), steps, equal, largest.toPrecision(2), own.toPrecision(2)];
  lines.push(`| ${what} | ${numbers.join(' | ')} |`);
  print(lines.at(-1)!);
}
