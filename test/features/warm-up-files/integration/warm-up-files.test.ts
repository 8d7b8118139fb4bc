/** Warm-up files, against the real sidecar: what an operator does with them. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { floats, otherLog, predictLog, writeRecords } from '../../../support/prediction-logs.ts';
import { copyModel, predict } from '../../../support/recorded-models.ts';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';

const ANY_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];

afterEach(killSidecars);

function writeNoRecords(path: string): void {
  mkdirSync(join(path, '..'));
  writeFileSync(path, 'not a TFRecord file');
}

interface StatusJson {
  readonly state: string;
  readonly status: { readonly error_code: string };
}

describe('a warm-up file', () => {
  it('is replayed before the version is served', async (t) => {
    const model = copyModel(t);
    writeRecords(
      model.warmUpFile(),
      predictLog({ name: 'another', inputs: { x: floats(1, 2) } }),
      predictLog({ inputs: { x: floats(3) } }),
    );
    const sidecar = await startSidecar([model.flag(), '--num_request_iterations_for_warmup=2']);
    const replayed = sidecar.lines.findIndex(({ event }) => event === 'replayed');
    assert.equal(sidecar.lines[replayed]!['records'], 2);
    assert.ok(replayed < sidecar.lines.findIndex((line) => line['state'] === 'AVAILABLE'));
    assert.deepEqual(await predict(sidecar, 1, 2), { predictions: [2.5, 3] });
    assert.equal(await sidecar.stop(), 0);
  });

  it('with a request that fails ends the start, naming it', async (t) => {
    const model = copyModel(t);
    writeRecords(
      model.warmUpFile(),
      predictLog({ inputs: { x: floats(1) } }),
      predictLog({ inputs: { z: floats(1) } }),
    );
    const sidecar = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await sidecar.exited, 1);
    assert.match(
      sidecar.output(),
      /warm-up requests failed: .*tf_serving_warmup_requests.*record 2 at byte \d+: .*wants the inputs/,
    );
    assert.ok(!sidecar.lines.some((line) => line['state'] === 'AVAILABLE'));
  });

  it('that fails leaves the other models served, and its version has TensorFlow Serving’s code', async (t) => {
    const cases: readonly (readonly [code: string, write: (path: string) => void])[] = [
      ['INVALID_ARGUMENT', (path) => writeRecords(path, predictLog({ inputs: { z: floats(1) } }))],
      ['INVALID_ARGUMENT', (path) => writeRecords(path, Uint8Array.of(0xff, 0xff, 0xff))],
      ['UNIMPLEMENTED', (path) => writeRecords(path, otherLog('predictStreamedLog'))],
      ['DATA_LOSS', writeNoRecords],
    ];
    const bad = cases.map(([, write], i) => {
      const model = copyModel(t);
      write(model.warmUpFile());
      return `--model=bad${i}=${model.base}`;
    });
    const sidecar = await startSidecar([...bad, copyModel(t).flag()]);
    assert.deepEqual(await predict(sidecar, 1), { predictions: [2.5] });
    assert.ok(sidecar.lines.some(({ event, msg }) => event === 'not_loaded' && /model "bad0": version 1/.test(msg!)));
    for (const [i, [code]] of cases.entries()) {
      const answer = await fetch(`${sidecar.rest}/v1/models/bad${i}`);
      const { model_version_status: states } = (await answer.json()) as Record<string, readonly StatusJson[]>;
      assert.deepEqual(
        states!.map(({ state, status }) => [state, status.error_code]),
        [['END', code]],
      );
    }
    assert.equal(await sidecar.stop(), 0);
    const strict = runPillion(['serve', ...bad, copyModel(t).flag(), '--exit_on_load_failure', ...ANY_PORTS]);
    assert.equal(await strict.exited, 1);
  });

  it('is replayed on every thread, and one that fails leaves none of them running', async (t) => {
    const model = copyModel(t);
    const threads = [model.flag(',host=thread'), '--num_batch_threads=3'];
    writeRecords(model.warmUpFile(), predictLog({ inputs: { x: floats(1, 2) } }));
    const sidecar = await startSidecar(threads);
    const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
    assert.match(page, /pillion_batch_size_count\{model="h",version="1",signature="serving_default"\} 3/);
    assert.equal(await sidecar.stop(), 0);
    writeRecords(model.warmUpFile(), predictLog({ inputs: {} }));
    const failing = runPillion(['serve', ...threads, ...ANY_PORTS]);
    assert.equal(await failing.exited, 1);
    assert.match(failing.output(), /record 1 at byte 0: .*wants the inputs/);
  });

  it('of something else, or of a kind that cannot be replayed, ends the start; switched off it is not looked at', async (t) => {
    const model = copyModel(t);
    writeRecords(model.warmUpFile(), otherLog('predictStreamedLog'));
    const unsupported = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await unsupported.exited, 1);
    assert.match(unsupported.output(), /predict_streamed_log \(field 7 of PredictionLog\)/);
    writeFileSync(model.warmUpFile(), 'not a TFRecord file');
    const corrupt = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await corrupt.exited, 1);
    assert.match(corrupt.output(), /write it again as a TFRecord file of PredictionLog/);
    const sidecar = await startSidecar([model.flag(), '--enable_model_warmup=false']);
    assert.equal(await sidecar.stop(), 0);
  });
});
