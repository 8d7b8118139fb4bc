/** What the flight recorder tells of a real sidecar's requests, of both surfaces. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import { killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

function predict(sidecar: Sidecar, id: string, body: object): Promise<Response> {
  const headers = { 'x-request-id': id };
  return fetch(`${sidecar.rest}/v1/models/float:predict`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function requests(sidecar: Sidecar, query = ''): Promise<RequestEntry[]> {
  const answer = await fetch(`${sidecar.admin}/requests${query}`);
  return ((await answer.json()) as { requests: RequestEntry[] }).requests;
}

describe('a sidecar’s flight recorder', () => {
  it('shows each request with its stages and its batch mates, and why one failed', async (t) => {
    const models = writeSurfaceModels(tempDirectory(t), ['float']);
    // One slot and no hurry: what is sent together runs together.
    const sidecar = await startSidecar([...models, '--batch_timeout_micros=200000', '--max_batch_size=2']);
    const instances = [[1, 2, 3, 4]];
    const pair = await Promise.all(['left', 'right'].map((id) => predict(sidecar, id, { instances })));
    assert.deepEqual(
      pair.map(({ status }) => status),
      [200, 200],
    );
    assert.equal((await predict(sidecar, 'wrong', { instances: [[1]] })).status, 400);

    const [wrong, ...served] = await requests(sidecar, '?model=float');
    assert.deepEqual([wrong!.id, wrong!.outcome, wrong!.kept], ['wrong', 'invalid_request', 'failed']);
    assert.match(wrong!.error!.message, /x/);
    assert.deepEqual(served.map(({ id }) => id).sort(), ['left', 'right']);
    for (const entry of served) {
      assert.deepEqual([entry.surface, entry.version, entry.rows, entry.outcome], ['rest', '1', 1, 'ok']);
      assert.ok(entry.stages.some(({ name, duration_ms }) => name === 'execute' && duration_ms > 0));
      assert.equal(entry.batch!.mates.length, entry.batch!.tasks - 1);
    }
    const one = await fetch(`${sidecar.admin}/requests/wrong`);
    assert.deepEqual(await one.json(), wrong);
    assert.equal((await requests(sidecar, '?kept=failed')).length, 1);
    assert.equal(await sidecar.stop(), 0);
  });

  it('still has what was listed, opened or asked in the playground after a thousand others', async (t) => {
    const models = writeSurfaceModels(tempDirectory(t), ['float']);
    const sidecar = await startSidecar(models);
    const body = { instances: [[1, 2, 3, 4]] };
    const headers = { 'x-pillion-console': '1' };
    const path = `${sidecar.admin}/playground/predict?model=float`;
    const asked = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    const seen = ['opened', 'listed', 'plain', asked.headers.get('x-request-id')!];
    for (const id of seen.slice(0, 3)) await (await predict(sidecar, id, body)).text();
    await (await fetch(`${sidecar.admin}/requests/opened`)).text();
    assert.ok((await requests(sidecar)).some(({ id }) => id === 'listed'));
    for (let sent = 0; sent < 1200; sent += 40) {
      const many = Array.from({ length: 40 }, (_, i) => predict(sidecar, `other ${sent + i}`, body));
      for (const answer of await Promise.all(many)) await answer.text();
    }
    for (const id of seen) assert.equal((await fetch(`${sidecar.admin}/requests/${id}`)).status, 200, id);
    assert.equal(await sidecar.stop(), 0);
  });

  it('is off where it may use no memory', async (t) => {
    const models = writeSurfaceModels(tempDirectory(t), ['float']);
    const sidecar = await startSidecar([...models, '--flight_recorder_max_mib=0']);
    await predict(sidecar, 'a', { instances: [[1]] });
    assert.deepEqual(await requests(sidecar), []);
    assert.equal(await sidecar.stop(), 0);
  });
});
