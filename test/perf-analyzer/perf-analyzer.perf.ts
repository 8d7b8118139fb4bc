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
import { analyze, DIGITS, dataFile, EXACT, exactModels, grpcOf, refuse, restOf, writeDataFiles } from './analyzer.ts';

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

interface ModelStats {
  readonly model_stats: readonly { readonly inference_stats: Record<'success' | 'fail', { readonly count: number }> }[];
}

const COUNTS = /\n {4}Request count: (\d+)\n[\s\S]*\n {2}Server: \n[\s\S]*\n {4}Successful request count: (\d+)\n/;

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

/** Of all its requests, as the statistics have them. */
async function countsOf({ rest }: Sidecar, model: string): Promise<{ success: number; fail: number }> {
  const answer = (await (await fetch(`${rest}/v2/models/${model}/stats`)).json()) as ModelStats;
  const { success, fail } = answer.model_stats[0]!.inference_stats;
  return { success: success.count, fail: fail.count };
}

/** Each way alone with the bits of the runtimes, by 32 callers with exact ones, and at a rate. */
function askByEach(surface: 'gRPC' | 'REST', ways: Ways, sidecar: () => Sidecar): void {
  const at = (): readonly string[] => (surface === 'gRPC' ? grpcOf(sidecar()) : restOf(sidecar()));
  for (const [way, args] of Object.entries(ways)) {
    const name = way === '' ? surface : `${surface}, ${way}`;
    for (const model of DIGITS) {
      it(`${name}: ${model}`, async () => {
        const before = await countsOf(sidecar(), model);
        const stdout = await analyze([...at(), '-m', model, ...args, ...data(model)]);
        // Its own count, and what it was told of the server's.
        const [, counted, served] = COUNTS.exec(stdout)!;
        assert.ok(Number(counted) > 0 && Number(served) > 0, stdout);
        const { success, fail } = await countsOf(sidecar(), model);
        assert.ok(success - before.success >= Number(counted), stdout);
        assert.equal(fail, before.fail);
      });
    }
    for (const model of EXACT) {
      it(`${name}: ${model} to ${CALLERS} callers`, async () => {
        await analyze([...at(), '-m', model, ...args, ...data(model), ...TOGETHER]);
      });
    }
  }
  it(`${surface}: at a rate`, async () => {
    for (const model of EXACT) await analyze([...at(), '-m', model, ...data(model), ...RATE]);
  });
  it(`${surface}: four rows a request, and random numbers`, async () => {
    for (const model of DIGITS) await analyze([...at(), '-m', model, '-b', '4', '-x', '1']);
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
