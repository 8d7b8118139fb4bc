/**
 * NVIDIA's perf_analyzer, as it is, by every way that it has to ask: `npm test -- perf-analyzer`. It compares each answer
 * with the bytes that it is told, and ends with an error at the first that differs.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DIGIT_MODELS, DigitAnswers } from '../support/digit-answers.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import {
  analyze,
  analyzeCounted,
  DIGITS,
  dataFile,
  EXACT,
  exactModels,
  grpcOf,
  refuse,
  restOf,
  writeDataFiles,
} from './analyzer.ts';

const CALLERS = 32;
const JSON_TENSORS = ['--input-tensor-format', 'json', '--output-tensor-format', 'json'];
const RATE = ['--request-rate-range', '200'];
/** A thread for each: one that has two requests under way compares an answer with what the other should get. */
const TOGETHER = ['--concurrency-range', String(CALLERS), '--max-threads', String(CALLERS)];
const BIT = /Output doesn't match expected output/;

const directory = mkdtempSync(join(tmpdir(), 'pillion-perf-'));
const MODELS = [...DIGIT_MODELS, ...exactModels(directory)];

interface Ways {
  readonly [way: string]: readonly string[];
}

const GRPC: Ways = {
  '': [],
  streaming: ['--streaming'],
  async: ['-a'],
  gzip: ['--grpc-compression-algorithm', 'gzip'],
};
const REST: Ways = { '': [], JSON: JSON_TENSORS, async: ['-a'] };

before(() => writeDataFiles(directory));

after(() => {
  killSidecars();
  rmSync(directory, { recursive: true });
});

function data(model: string, kind: 'right' | 'wrong' = 'right'): readonly string[] {
  return ['--input-data', dataFile(directory, model, kind)];
}

const servingOf = (sidecar: Sidecar): readonly string[] => [...grpcOf(sidecar), '--service-kind', 'tfserving'];

/** Each way alone with the bits of the runtimes, by 32 callers with exact ones, and at a rate. */
function askByEach(surface: 'gRPC' | 'REST', ways: Ways, sidecar: () => Sidecar): void {
  const at = (): readonly string[] => (surface === 'gRPC' ? grpcOf(sidecar()) : restOf(sidecar()));
  for (const [way, args] of Object.entries(ways)) {
    const name = way === '' ? surface : `${surface}, ${way}`;
    for (const model of DIGITS) {
      it(`${name}: ${model}`, async () => {
        await analyzeCounted(sidecar(), [...at(), ...args, ...data(model)], { model });
      });
    }
    for (const model of EXACT) {
      it(`${name}: ${model} to ${CALLERS} callers`, async () => {
        await analyzeCounted(sidecar(), [...at(), ...args, ...data(model), ...TOGETHER], { model, callers: CALLERS });
      });
    }
  }
  it(`${surface}: at a rate`, async () => {
    for (const model of EXACT) await analyzeCounted(sidecar(), [...at(), ...data(model), ...RATE], { model });
  });
  it(`${surface}: four rows a request, and random numbers`, async () => {
    for (const model of DIGITS) {
      await analyzeCounted(sidecar(), [...at(), '-b', '4', '-x', '1'], { model, rows: 4 });
    }
  });
  it(`${surface}: --shape`, async () => {
    await analyze([...at(), '-m', 'half_plus_two', '--shape', 'x:4']);
  });
  it(`${surface}: a wrong bit is seen`, async () => {
    for (const model of DIGITS) await refuse([...at(), '-m', model, ...data(model, 'wrong')], BIT);
    for (const model of EXACT) await refuse([...at(), '-m', model, ...data(model, 'wrong'), ...TOGETHER], BIT);
  });
}

for (const engine of ENGINE_NAMES) {
  describe(`perf_analyzer, on ${engine}`, () => {
    let sidecar: Sidecar;
    before(async () => {
      sidecar = await startSidecar([...MODELS, ...engineFlags(engine)]);
    });
    after(async () => assert.equal(await sidecar.stop(), 0));

    askByEach('gRPC', GRPC, () => sidecar);
    if (engine === 'pillion') askByEach('REST', REST, () => sidecar);

    it('as a client of TensorFlow Serving', async () => {
      for (const model of DIGITS) {
        for (const args of [
          ['-b', '1'],
          ['-b', '4', ...TOGETHER],
          ['-b', '1', ...RATE],
          ['--shape', 'pixels:3,64'],
        ]) {
          await analyze([...servingOf(sidecar), '-m', model, ...args]);
        }
      }
    });

    it('with the metrics page, and with files of results', async () => {
      const csv = join(directory, `${engine}.csv`);
      const results = join(directory, `${engine}.json`);
      const metrics = `${sidecar.rest.slice('http://'.length)}/monitoring/prometheus/metrics`;
      await analyze([
        ...[...grpcOf(sidecar), '-m', 'digits', '-f', csv, '--profile-export-file', results],
        ...['--collect-metrics', '--metrics-url', metrics],
      ]);
      assert.match(readFileSync(csv, 'utf8'), /^Concurrency,Inferences\/Second,.*\n1,[1-9]/);
      const { experiments } = JSON.parse(readFileSync(results, 'utf8')) as { experiments: { requests: unknown[] }[] };
      assert.ok(experiments[0]!.requests.length > 0);
    });

    it('is told that no caller changes trace settings', async () => {
      await refuse([...grpcOf(sidecar), '-m', 'digits', '--trace-level', 'TIMESTAMPS'], /cannot be changed by request/);
    });

    it('no such model', async () => {
      await refuse([...grpcOf(sidecar), '-m', 'none'], /no model "none"/);
    });

    it('the other surfaces give the same bits', async () => {
      await (await DigitAnswers.open(1)).checkServed(sidecar);
    });
  });
}
