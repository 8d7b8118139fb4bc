/** perf_analyzer with sequences of requests, whose sums it compares, and with strings. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ACCUMULATOR, accumulatorConfig } from '../support/accumulator-model.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { writeModelFile } from '../support/triton-repository.ts';
import { EXAMPLE_MODELS } from '../triton/examples/models.ts';
import { analyzeCounted, grpcOf, refuse, restOf } from './analyzer.ts';

const CALLERS = 4;
const TOGETHER = ['--concurrency-range', String(CALLERS), '--max-threads', String(CALLERS)];
const SHARED = ['--shared-memory', 'system', '--output-shared-memory-size', '1024'];
const LENGTH = ['--sequence-length', '5'];
/** Without --serial-sequences it sends steps before the answers to the ones before. */
const RATES = [[], ['--serial-sequences']].map((way) => [
  ...way,
  '--request-rate-range',
  '100',
  '--num-of-sequences',
  '3',
]);
/** If each thread has ended at a wrong answer before the first window, it says no more than that there is none. */
const BIT = /Output doesn't match expected output|No valid requests recorded/;
/** Of the program: a step beyond the length of the first is compared with the answer to another. */
const STEPS = [
  [5, 7, 11, -2],
  [1, 2, 3, 4],
  [100, -100, 3],
];

const directory = mkdtempSync(join(tmpdir(), 'pillion-perf-'));
const repository = join(directory, 'models');
const right = join(directory, 'right.json');
const wrong = join(directory, 'wrong.json');

before(() => {
  writeModels();
  writeFileSync(right, dataOf(0));
  writeFileSync(wrong, dataOf(1));
});

after(() => {
  killSidecars();
  rmSync(directory, { recursive: true });
});

/** Requests and their answers; `fault` is what is added to one of them. */
function dataOf(fault: number): string {
  const sums = STEPS.map((steps) => steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, step) => sum + step)));
  sums[1]![2]! += fault;
  const named = (name: string, streams: readonly (readonly number[])[]) =>
    streams.map((steps) => steps.map((value) => ({ [name]: [value] })));
  return JSON.stringify({ data: named('INPUT', STEPS), validation_data: named('OUTPUT', sums) });
}

/** `sum` adds up what a sequence sends; the others take strings. */
function writeModels(): void {
  // It wants to know each output, and cannot know the sequences' ids.
  const config = accumulatorConfig().replace(/,\s*\{ name: "SEEN"[\s\S]*?\} \]/, ' ]');
  writeModelFile(repository, 'sum', 'config.pbtxt', config);
  writeModelFile(repository, 'sum', '1/model.onnx', ACCUMULATOR);
  for (const name of ['simple_string', 'simple_identity']) {
    const model = EXAMPLE_MODELS[name]!;
    writeModelFile(repository, name, 'config.pbtxt', model.config);
    writeModelFile(repository, name, join('1', model.file!), model.bytes);
  }
}

/** Every sequence that was begun has ended, and nothing is kept of it. */
async function checkEnded({ admin }: Sidecar): Promise<void> {
  const page = await (await fetch(`${admin}/metrics`)).text();
  const events = (event: string): number =>
    Number(new RegExp(`^pillion_sequence_events_total\\{model="sum",event="${event}"\\} (\\d+)$`, 'm').exec(page)?.[1]);
  assert.ok(events('started') > 0, page);
  assert.equal(events('ended'), events('started'));
  assert.match(page, /^pillion_sequence_state_bytes\{model="sum"\} 0$/m);
}

const WAYS = {
  gRPC: [[], ['--sync'], ['--streaming']],
  REST: [[], ['--sync']],
} as const;

function askSequences(surface: keyof typeof WAYS, sidecar: () => Sidecar): void {
  const at = (): readonly string[] => (surface === 'gRPC' ? grpcOf(sidecar()) : restOf(sidecar()));
  for (const way of WAYS[surface]) {
    const ask = (args: readonly string[], callers = CALLERS): Promise<string> =>
      analyzeCounted(sidecar(), [...at(), ...way, ...args], { model: 'sum', callers });
    it(`${[surface, ...way].join(' ')}: sums of sequences`, async () => {
      const stdout = await ask(['--input-data', right, ...TOGETHER]);
      assert.match(stdout, /\n {4}Sequence count: [1-9]/);
      await refuse([...at(), ...way, '-m', 'sum', '--input-data', wrong, ...TOGETHER], BIT);
      await ask([...LENGTH, '--sequence-length-variation', '40', ...TOGETHER]);
      await ask(['--sequence-length', '7', ...SHARED], 1);
      await checkEnded(sidecar());
    });
  }
  it(`${surface}: sequences at a rate`, async () => {
    for (const rate of RATES) {
      await analyzeCounted(sidecar(), [...at(), ...LENGTH, ...rate], { model: 'sum', callers: 3 });
    }
    await checkEnded(sidecar());
  });
}

function askStrings(surface: keyof typeof WAYS, sidecar: () => Sidecar): void {
  it(`${surface}: strings`, async () => {
    const at = surface === 'gRPC' ? grpcOf(sidecar()) : restOf(sidecar());
    const ways = surface === 'gRPC' ? [[], ['--streaming'], ['-a']] : [[], ['-a'], ['--input-tensor-format', 'json']];
    for (const way of [...ways, SHARED, ['--request-rate-range', '100']]) {
      await analyzeCounted(sidecar(), [...at, ...way, '--string-data', '7'], { model: 'simple_string' });
      const long = [...at, ...way, '--string-length', '40', '-b', '4'];
      await analyzeCounted(sidecar(), long, { model: 'simple_identity', rows: 4 });
    }
  });
}

for (const engine of ENGINE_NAMES) {
  describe(`perf_analyzer with sequences and strings, on ${engine}`, () => {
    let sidecar: Sidecar;
    before(async () => {
      const flags = ['--allow_client_shm', '--strict_readiness', ...engineFlags(engine)];
      sidecar = await startSidecar([`--model_repository=${repository}`, ...flags]);
    });
    after(async () => assert.equal(await sidecar.stop(), 0));

    for (const ask of [askSequences, askStrings]) {
      ask('gRPC', () => sidecar);
      if (engine === 'pillion') ask('REST', () => sidecar);
    }
  });
}
