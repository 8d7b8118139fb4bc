/** `pillion status` and GET /models of a real sidecar. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { ModelsReport } from '../../src/admin/models-report.ts';
import { killSidecars, runPillion, startSidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { tempDirectory } from '../support/temp-directory.ts';

after(killSidecars);

describe('a sidecar’s status', () => {
  it('shows what is served, its memory, and why a version is not', async (t) => {
    const models = tempDirectory(t);
    const sidecar = await startSidecar([...writeSurfaceModels(models, ['float', 'pair']), '--host=thread']);
    const incoming = join(models, 'pair', '.incoming');
    mkdirSync(incoming);
    writeFileSync(join(incoming, 'model.onnx'), 'no model');
    renameSync(incoming, join(models, 'pair', '2'));
    await sidecar.line((line) => line['version'] === '2' && line['state'] === 'END');

    const report = (await (await fetch(`${sidecar.admin}/models`)).json()) as ModelsReport;
    assert.deepEqual([report.ready, report.models.map(({ name }) => name)], [true, ['float', 'pair']]);
    const [broken, served] = report.models[1]!.versions;
    assert.deepEqual([broken!.version, broken!.state, broken!.error?.kind], ['2', 'END', 'load_failed']);
    assert.deepEqual([served!.version, served!.state, served!.host?.kind], ['1', 'AVAILABLE', 'thread']);
    assert.ok(served!.memory!.artifact_bytes > 0 && served!.memory!.sessions > 0);
    assert.ok(served!.sweep!.some(({ rows, run_ms }) => rows === 1 && run_ms > 0));

    const admin = sidecar.admin.slice('http://'.length);
    const table = runPillion(['status', `--admin=${admin}`]);
    assert.equal(await table.exited, 0);
    assert.match(table.output(), /^ready +version +state/);
    assert.match(table.output(), /^float +1 +AVAILABLE +thread/m);
    assert.match(table.output(), /^pair version 2: /m);
    const json = runPillion(['status', `--admin=${admin}`, '--json']);
    assert.equal(await json.exited, 0);
    assert.equal((JSON.parse(json.output()) as ModelsReport).models.length, 2);
    assert.equal(await sidecar.stop(), 0);
  });

  it('says so, and ends with 1, where there is no sidecar and where it is not ready', async (t) => {
    const nobody = runPillion(['status', '--admin=127.0.0.1:1']);
    assert.equal(await nobody.exited, 1);
    assert.match(nobody.output(), /no sidecar at 127\.0\.0\.1:1: .*; start `pillion serve`, or say where it is/);
    const missing = join(tempDirectory(t), 'missing');
    const ports = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];
    const waiting = runPillion(['serve', ...ports, `--model=m=${missing}`]);
    const listening = await waiting.line((line) => line.event === 'listening');
    await waiting.line((line) => line['reason'] !== undefined);
    const status = runPillion(['status', `--admin=${listening['admin'] as string}`]);
    assert.equal(await status.exited, 1);
    assert.match(status.output(), /^not ready/);
    assert.match(status.output(), /model "m": .*does not exist/);
    waiting.process.kill('SIGTERM');
    assert.equal(await waiting.exited, 0);
  });
});
