/**
 * Warm-up files, golden requests and request logs, against the real sidecar: what an operator does
 * with them, and what must not happen when a process is killed.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { floats, otherLog, predictLog, readRecords, writeRecords } from '../support/prediction-logs.ts';
import { encode } from '../support/proto-registry.ts';
import { answerOf, frame, openCall, openSession } from '../support/raw-grpc.ts';
import { copyModel, inputsOf, predict, until } from '../support/recorded-models.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';

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

describe('golden requests', () => {
  it('keep a version that answers otherwise from being served, and say where it differs', async (t) => {
    const model = copyModel(t);
    writeRecords(model.goldenFile(), predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 3.5) } }));
    const wrong = runPillion(['serve', model.flag(), ...ANY_PORTS]);
    assert.equal(await wrong.exited, 1);
    assert.match(
      wrong.output(),
      /golden requests failed: .*record 1 .*output \\?"y\\?" differs at \[1\]: 3, but 3\.5 was recorded/,
    );
    writeRecords(model.goldenFile(), predictLog({ inputs: { x: floats(1, 2) }, outputs: { y: floats(2.5, 3) } }));
    const sidecar = await startSidecar([model.flag()]);
    assert.ok(sidecar.lines.some((line) => line['what'] === 'golden' && line['records'] === 1));
    assert.equal(await sidecar.stop(), 0);
  });
});

describe('a request log', () => {
  const wholeFiles = (directory: string) =>
    readdirSync(directory)
      .filter((name) => name.endsWith('.tfrecord'))
      .sort();

  it('has the requests of the model in whole files after the end', async (t) => {
    const model = copyModel(t);
    const logs = join(model.directory, 'logs');
    const sidecar = await startSidecar([
      model.flag(`,log=${join(logs, 'h')},log_rate=1`),
      '--request_log_file_bytes=400',
    ]);
    for (let i = 0; i < 5; i++) await predict(sidecar, i);
    assert.equal(await sidecar.stop(), 0);
    const files = wholeFiles(logs);
    assert.deepEqual(readdirSync(logs).sort(), files, 'nothing is left under way');
    assert.ok(files.length >= 2, `${files}`);
    const inputs = files.flatMap((name) => inputsOf(readFileSync(join(logs, name))));
    assert.deepEqual(inputs.sort(), [[0], [1], [2], [3], [4]]);
  });

  it('has what each gRPC request said, though their memory is used again while they are written', async (t) => {
    const model = copyModel(t);
    const logs = join(model.directory, 'logs');
    const sidecar = await startSidecar([
      model.flag(`,log=${join(logs, 'h')},log_rate=1`),
      '--max_enqueued_batches=1000',
    ]);
    const session = openSession(sidecar.grpc);
    t.after(() => session.destroy());
    const ask = async (value: number): Promise<void> => {
      const content = new Uint8Array(new Float32Array(3000).fill(value).buffer);
      const x = { dtype: 1, tensorShape: { dim: [{ size: 3000n }] }, tensorContent: content };
      const stream = openCall(session, '/tensorflow.serving.PredictionService/Predict');
      const answer = answerOf(stream);
      stream.end(frame(encode('tensorflow.serving.PredictRequest', { modelSpec: { name: 'h' }, inputs: { x } })));
      assert.equal((await answer).grpcStatus, 0);
    };
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 8 }, (_, i) => ask(round * 8 + i)));
    }
    assert.equal(await sidecar.stop(), 0);
    const inputs = wholeFiles(logs).flatMap((name) => inputsOf(readFileSync(join(logs, name))));
    assert.ok(inputs.every((values) => values.length === 3000 && values.every((value) => value === values[0])));
    const sent = inputs.map(([value]) => value!).sort((a, b) => a - b);
    assert.deepEqual(
      sent,
      Array.from({ length: 80 }, (_, i) => i),
    );
  });

  it('that cannot be written fails no request', async (t) => {
    const model = copyModel(t);
    writeFileSync(join(model.directory, 'file'), '');
    const sidecar = await startSidecar([model.flag(`,log=${join(model.directory, 'file', 'h')},log_rate=1`)]);
    for (let i = 0; i < 20; i++) assert.deepEqual(await predict(sidecar, 2), { predictions: [3] });
    // The disk says so when it likes.
    const hasFailed = async () =>
      /pillion_request_log_total\{model="h",outcome="failed"\} \d+/.test(
        await (await fetch(`${sidecar.admin}/metrics`)).text(),
      );
    await until(hasFailed);
    assert.equal(await sidecar.stop(), 0);
    assert.equal(sidecar.lines.filter(({ msg }) => msg?.includes('cannot be written')).length, 1);
  });

  const writtenSoFar = async ({ admin }: Sidecar): Promise<number> => {
    const page = new MetricsPage(await (await fetch(`${admin}/metrics`)).text());
    return page.value('pillion_request_log_total', { model: 'h', outcome: 'written' });
  };

  it('of a process that is killed while it rotates is whole after the next start, and nothing half is read as whole', async (t) => {
    const model = copyModel(t);
    const logs = join(model.directory, 'logs');
    const args = [model.flag(`,log=${join(logs, 'h')},log_rate=1`), '--request_log_file_bytes=1000'];
    let answered = 0;
    let written = 0;
    for (let round = 0; round < 3; round++) {
      const sidecar = await startSidecar(args);
      const ask = async (): Promise<void> => {
        for (;;) {
          await predict(sidecar, 1, 2);
          answered += 1;
        }
      };
      const before = existsSync(logs) ? wholeFiles(logs).length : 0;
      const asking = Promise.allSettled([ask(), ask(), ask()]);
      await until(() => existsSync(logs) && wholeFiles(logs).length >= before + 10);
      written += await writtenSoFar(sidecar);
      sidecar.process.kill('SIGKILL');
      await asking;
      // What has its name is whole, at any time.
      for (const name of wholeFiles(logs)) assert.ok(readRecords(join(logs, name)).length > 0);
    }
    const last = await startSidecar(args);
    assert.equal(await last.stop(), 0);
    assert.deepEqual(readdirSync(logs).sort(), wholeFiles(logs));
    const records = wholeFiles(logs).flatMap((name) => readRecords(join(logs, name)));
    // All that the server counted as written is there; what still waited for the disk is not.
    assert.ok(
      records.length >= written && records.length <= answered + 9,
      `${written}, ${records.length}, ${answered}`,
    );
  });
});
