/** `pillion await` with real commands: when they start, their signals, and how they end. POST /quitquitquit. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { hasFeature } from '../../../support/has-feature.ts';
import { DIGITS, killSidecars, type PillionProcess, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

afterEach(killSidecars);

/** Ends with 3 when SIGTERM comes, as an application that cleans up. */
const APPLICATION = 'trap "exit 3" TERM; echo running; while :; do sleep 0.05; done';
const FREE_PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];

function awaited(admin: string, ...words: readonly string[]): PillionProcess {
  return runPillion(['await', `--admin=${admin.replace('http://', '')}`, ...words]);
}

describe('pillion await', () => {
  it('ends as the command ends', async () => {
    const { admin } = await startSidecar(DIGITS);
    const statusOf = (...command: readonly string[]): Promise<number | string> =>
      awaited(admin, '--', ...command).exited;
    assert.equal(await statusOf('true'), 0);
    assert.equal(await statusOf('sh', '-c', 'exit 7'), 7);
    assert.equal(await statusOf('sh', '-c', 'kill -9 $$'), 137);
    assert.equal(await statusOf('/nonexistent/app'), 127);
    assert.equal(await statusOf('/etc'), 126);
    const shown = awaited(admin, '--', 'sh', '-c', 'echo "$1"', 'app', '--help');
    assert.equal(await shown.exited, 0);
    assert.equal(shown.output(), '--help');
    assert.equal(await awaited(admin).exited, 0);
  });

  it('passes signals on, and lets the command decide', async () => {
    const { admin } = await startSidecar(DIGITS);
    const application = awaited(admin, '--', 'sh', '-c', APPLICATION);
    await application.printed('running');
    application.process.kill('SIGTERM');
    assert.equal(await application.exited, 3);
    const other = awaited(admin, '--', 'sh', '-c', APPLICATION.replaceAll('TERM', 'HUP'));
    await other.printed('running');
    other.process.kill('SIGHUP');
    assert.equal(await other.exited, 3);
    const careless = awaited(admin, '--', 'sh', '-c', 'echo running; exec sleep 60');
    await careless.printed('running');
    careless.process.kill('SIGTERM');
    assert.equal(await careless.exited, 143);
  });

  it('waits until the models are loaded', async (t) => {
    const directory = tempDirectory(t);
    const [model] = writeSurfaceModels(directory, ['float']);
    renameSync(join(directory, 'float'), join(directory, 'later'));
    const sidecar = runPillion(['serve', ...FREE_PORTS, model!]);
    const { admin } = await sidecar.line(({ event }) => event === 'listening');
    const late = awaited(String(admin), '--timeout=1', '--', 'echo', 'running');
    assert.equal(await late.exited, 1);
    assert.match(late.output(), /not ready after 1 s: not ready: loading models\nmodel "float": .*does not exist/);
    assert.doesNotMatch(late.output(), /running/);
    const patient = awaited(String(admin), '--', 'echo', 'running');
    await patient.printed('waiting for the sidecar');
    renameSync(join(directory, 'later'), join(directory, 'float'));
    assert.equal(await patient.exited, 0);
    assert.match(patient.output(), /\nrunning$/);
    await sidecar.line(({ event }) => event === 'ready');
    assert.equal(await sidecar.stop(), 0);
  });

  it('says that there is no sidecar, and ends by a signal while it waits', async () => {
    const alone = awaited('127.0.0.1:1', '--timeout=1');
    assert.equal(await alone.exited, 1);
    assert.match(alone.output(), /not ready after 1 s: no sidecar at 127\.0\.0\.1:1: /);
    const waiting = awaited('127.0.0.1:1', '--timeout=0', '--', 'echo', 'running');
    await waiting.printed('waiting for the sidecar at 127.0.0.1:1');
    waiting.process.kill('SIGTERM');
    assert.equal(await waiting.exited, 143);
    assert.doesNotMatch(waiting.output(), /running/);
  });
});

describe('POST /quitquitquit', () => {
  const post = { method: 'POST', headers: { 'x-pillion-console': '1' } };

  it('ends the server with 0, for those alone who may change something', async () => {
    const sidecar = await startSidecar([...DIGITS, '--quitquitquit']);
    const url = `${sidecar.admin}/quitquitquit`;
    assert.equal((await fetch(url, { method: 'POST' })).status, 403);
    assert.equal((await fetch(url)).status, 404);
    assert.equal(
      (await fetch(url, { ...post, headers: { ...post.headers, origin: 'https://evil.example' } })).status,
      403,
    );
    assert.equal((await fetch(url, post)).status, 200);
    assert.equal(await sidecar.exited, 0);
    assert.ok(sidecar.lines.some(({ event }) => event === 'drained'));
    if (hasFeature('audit'))
      assert.ok(sidecar.lines.some((line) => line['audit'] === true && line['method'] === 'quitquitquit'));
  });

  it('is off by default', async () => {
    const sidecar = await startSidecar(DIGITS);
    assert.equal((await fetch(`${sidecar.admin}/quitquitquit`, post)).status, 404);
    assert.equal((await fetch(`${sidecar.admin}/ready`)).status, 200);
    const job = awaited(sidecar.admin, '--quit', '--', 'sh', '-c', 'exit 5');
    assert.equal(await job.exited, 5);
    assert.match(job.output(), /the sidecar was not told to end: .*start the server with --quitquitquit/);
    assert.equal(await sidecar.stop(), 0);
  });

  it('is sent by await --quit when the command has ended, whose status stays', async () => {
    const sidecar = await startSidecar([...DIGITS, '--quitquitquit']);
    const job = awaited(sidecar.admin, '--quit', '--', 'sh', '-c', 'exit 5');
    assert.equal(await job.exited, 5);
    assert.equal(await sidecar.exited, 0);
  });
});
