/** Request logs of the real sidecar, and what must not happen when a process is killed. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { readRecords } from '../../../support/prediction-logs.ts';
import { encode } from '../../../support/proto-registry.ts';
import { answerOf, frame, openCall, openSession } from '../../../support/raw-grpc.ts';
import { copyModel, inputsOf, predict, until } from '../../../support/recorded-models.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { MetricsPage } from '../../../support/surface-sidecar.ts';

afterEach(killSidecars);

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
