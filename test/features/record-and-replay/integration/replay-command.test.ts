/** Payloads that a sidecar captured, and `pillion replay` of them and of files. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import { floats, predictLog, writeRecords } from '../../../support/prediction-logs.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const HALF = '--model=h=examples/half_plus_two/models/half_plus_two';

afterEach(killSidecars);

function predict(sidecar: Sidecar, id: string, instances: unknown[]): Promise<Response> {
  const body = JSON.stringify({ instances });
  return fetch(`${sidecar.rest}/v1/models/h:predict`, { method: 'POST', headers: { 'x-request-id': id }, body });
}

async function replay(sidecar: Sidecar, ...args: string[]): Promise<[status: number | string, output: string]> {
  const [admin, rest] = [sidecar.admin, sidecar.rest].map((url) => url.slice('http://'.length));
  const child = runPillion(['replay', `--admin=${admin}`, `--rest=${rest}`, ...args]);
  return [await child.exited, child.output()];
}

describe('captured payloads', () => {
  it('are replayed, and their answers compared', async () => {
    const sidecar = await startSidecar([HALF, '--capture_payloads=all', '--capture_inputs=*']);
    assert.equal((await predict(sidecar, 'good', [1, 2])).status, 200);
    assert.equal((await predict(sidecar, 'wrong', [[1, 2]])).status, 400);
    const entries = (await (await fetch(`${sidecar.admin}/requests`)).json()) as { requests: RequestEntry[] };
    assert.deepEqual(
      entries.requests.map(({ id, has_payload }) => [id, has_payload]),
      [
        ['wrong', true],
        ['good', true],
      ],
    );
    const [status, output] = await replay(sidecar);
    assert.equal(status, 1);
    assert.match(output, /^wrong: 400 \{.*shape/m);
    assert.match(output, /^2 sent, 1 answered as recorded, 0 otherwise, 1 failed; p50 /m);
    assert.deepEqual((await replay(sidecar, '--model=other'))[0], 1, 'nothing to replay');
    await sidecar.stop();
  });

  it('are not there unless they are asked for', async () => {
    const sidecar = await startSidecar([HALF]);
    await predict(sidecar, 'wrong', [[1, 2]]);
    const answer = await fetch(`${sidecar.admin}/requests/wrong/payload`);
    assert.equal(answer.status, 404);
    assert.match(await answer.text(), /--capture_payloads/);
    await sidecar.stop();
  });
});

describe('pillion replay', () => {
  it('sends a file again, and tells each answer that is not the recorded one', async (t) => {
    const sidecar = await startSidecar([HALF]);
    const file = join(tempDirectory(t), 'h.tfrecord');
    const record = (x: number, y: number) =>
      predictLog({ name: 'h', inputs: { x: floats(x) }, outputs: { y: floats(y) } });
    writeRecords(file, record(2, 3), record(4, 99));
    const [status, output] = await replay(sidecar, `--in=${file}`);
    assert.equal(status, 1);
    assert.match(output, /^record 2: output "y" differs at \[0\]: 4, but 99 was recorded$/m);
    assert.match(output, /^2 sent, 1 answered as recorded, 1 otherwise, 0 failed; /m);
    assert.equal((await replay(sidecar, `--in=${file}`, '--count=1'))[0], 0);
    await sidecar.stop();
  });

  it('says what is wrong', async () => {
    const nobody = runPillion(['replay', '--admin=127.0.0.1:1']);
    assert.equal(await nobody.exited, 1);
    assert.match(nobody.output(), /no sidecar at 127\.0\.0\.1:1: .*--admin/);
    for (const [file, said] of [
      ['/nonexistent.tfrecord', /^pillion: \/nonexistent\.tfrecord: there is no such file$/],
      ['package.json', /^pillion: package\.json: the record at byte 0 is not a whole TFRecord/],
    ] as const) {
      const wrong = runPillion(['replay', `--in=${file}`]);
      assert.equal(await wrong.exited, 1);
      assert.match(wrong.output(), said);
    }
    const usage = runPillion(['replay', '--rest=nowhere']);
    assert.equal(await usage.exited, 64);
    assert.match(usage.output(), /--rest=nowhere wants HOST:PORT/);
  });
});
