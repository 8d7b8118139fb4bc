/** --probe_port of a real sidecar, as a kubelet and Prometheus ask it. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { newKey } from '../../src/cli/key.ts';
import { writeAccessFile } from '../support/access-file.ts';
import { hasFeature } from '../support/has-feature.ts';
import { DIGITS, killSidecars, type PillionProcess, runPillion, startSidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { tempDirectory } from '../support/temp-directory.ts';

afterEach(killSidecars);

/** By another address than the one that --bind_address names. */
async function probesOf(sidecar: Pick<PillionProcess, 'line'>): Promise<string> {
  const { probes } = await sidecar.line(({ event }) => event === 'listening');
  return `http://127.0.0.2:${String(probes).slice(String(probes).lastIndexOf(':') + 1)}`;
}

async function statusOf(url: string, method = 'GET', body?: string): Promise<number> {
  const answer = await fetch(url, { method, ...(body !== undefined && { body }) });
  await answer.text();
  return answer.status;
}

describe('the probe port', () => {
  it('has the probes and the metrics on every address, and nothing else', async () => {
    const sidecar = await startSidecar([...DIGITS, '--probe_port=0']);
    const probes = await probesOf(sidecar);
    for (const path of ['/live', '/startup', '/ready']) assert.equal(await statusOf(`${probes}${path}`), 200, path);
    const metrics = await (await fetch(`${probes}/metrics`)).text();
    assert.match(metrics, /^pillion_connections\{surface="probes"\} [1-9]/m);
    for (const path of ['/', '/models', '/about', '/drain', '/profile'])
      assert.equal(await statusOf(`${probes}${path}`), 404);
    for (const path of ['/live', '/drain', '/quitquitquit', '/models/digits/unload'])
      assert.equal(await statusOf(`${probes}${path}`, 'POST'), 405);
    assert.equal(await statusOf(`${sidecar.admin}/startup`), 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('says that the start is not over, names no model, and stays live and started while clients are drained', async (t) => {
    const directory = tempDirectory(t);
    const [model] = writeSurfaceModels(directory, ['float']);
    renameSync(join(directory, 'float'), join(directory, 'later'));
    const ports = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--probe_port=0', '--bind_address=127.0.0.1'];
    const sidecar = runPillion(['serve', ...ports, model!]);
    const probes = await probesOf(sidecar);
    const states = (): Promise<readonly number[]> =>
      Promise.all(['/live', '/startup', '/ready'].map((path) => statusOf(`${probes}${path}`)));
    assert.deepEqual(await states(), [200, 503, 503]);
    assert.equal(await (await fetch(`${probes}/ready`)).text(), 'not ready: loading models\n');
    renameSync(join(directory, 'later'), join(directory, 'float'));
    const ready = await sidecar.line(({ event }) => event === 'ready');
    assert.deepEqual(await states(), [200, 200, 200]);
    const headers = { 'x-pillion-console': '1' };
    await fetch(`http://${String(ready['admin'])}/drain`, { method: 'POST', headers });
    assert.deepEqual(await states(), [200, 200, 503]);
    assert.equal(await sidecar.stop(), 0);
  });

  it('has neither metrics nor names of models where callers are asked who they are', {
    skip: !hasFeature('authorization'),
  }, async (t) => {
    const file = writeAccessFile(tempDirectory(t), [
      { name: 'app', keys: [newKey().hash], may: [{ models: ['digits'], methods: ['predict'] }] },
    ]);
    const sidecar = await startSidecar([...DIGITS, '--probe_port=0', `--authorization_file=${file}`]);
    const probes = await probesOf(sidecar);
    assert.equal(await statusOf(`${probes}/metrics`), 404);
    assert.equal(await statusOf(`${probes}/ready`), 200);
    assert.equal(await sidecar.stop(), 0);
  });
});
