/** A request whose rows differ in length is recorded whole, and what was recorded is answered the same. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { TfRecordReader } from '../../../../src/codec/tfrecord/tf-record-reader.ts';
import { SENTENCE_MODELS, writeSentenceModel } from '../../../support/sentence-models.ts';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const ENCODER = 'encoder';

it('has a record for each length, in payloads and in request logs, each replayed as it was answered', async (t) => {
  const directory = tempDirectory(t);
  const logs = tempDirectory(t);
  writeSentenceModel(join(directory, ENCODER), SENTENCE_MODELS[ENCODER]);
  const args = ['--pad_variable_length_inputs', '--capture_payloads=all', '--capture_inputs=*'];
  const model = `--model=${ENCODER}=${join(directory, ENCODER)}`;
  const sidecar = await startSidecar([`${model},log=${join(logs, 'log')},log_rate=1`, ...args]);
  await sidecar.line((line) => line.event === 'padding' && line['model'] === ENCODER);
  const instances = [3, 5, 3, 7].map((length, seed) => ({
    input_ids: Array.from({ length }, (_, i) => (seed + 7 * i) % 50),
    attention_mask: new Array<number>(length).fill(1),
  }));
  const url = `${sidecar.rest}/v1/models/${ENCODER}:predict`;
  const headers = { 'x-request-id': 'lengths' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ instances }) });
  assert.equal(answer.status, 200, await answer.text());

  const payload = await (await fetch(`${sidecar.admin}/requests/lengths/payload`)).arrayBuffer();
  assert.equal(recordsIn(new Uint8Array(payload)), 3);
  const { host } = new URL(sidecar.rest);
  const captured = runPillion(['replay', `--admin=${new URL(sidecar.admin).host}`, `--rest=${host}`]);
  assert.equal(await captured.exited, 0, captured.output());
  assert.match(captured.output(), /^3 sent, 3 answered as recorded, 0 otherwise, 0 failed/m);
  assert.equal(await sidecar.stop(), 0);

  // The log has the replay's requests as well.
  const files = readdirSync(logs).map((name) => readFileSync(join(logs, name)));
  assert.equal(
    files.reduce((sum, bytes) => sum + recordsIn(bytes), 0),
    6,
  );
  const again = await startSidecar([model, '--pad_variable_length_inputs']);
  const file = join(logs, readdirSync(logs)[0]!);
  const logged = runPillion(['replay', `--in=${file}`, `--rest=${new URL(again.rest).host}`]);
  assert.equal(await logged.exited, 0, logged.output());
  assert.match(logged.output(), /^6 sent, 6 answered as recorded/m);
  assert.equal(await again.stop(), 0);
});

function recordsIn(bytes: Uint8Array): number {
  const reader = new TfRecordReader({ maxRecordBytes: 2 ** 24 });
  reader.push(bytes);
  let count = 0;
  while (reader.next() !== undefined) count += 1;
  reader.end();
  return count;
}
