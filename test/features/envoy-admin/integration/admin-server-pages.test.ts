/** The pages about the server itself, as people know them from Envoy's admin port. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { hasFeature } from '../../../support/has-feature.ts';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

afterEach(killSidecars);

const POST = { method: 'POST', headers: { 'x-pillion-console': '1' } };

async function json(sidecar: Sidecar, path: string): Promise<Record<string, unknown>> {
  const answer = await fetch(sidecar.admin + path);
  assert.equal(answer.status, 200, path);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  return (await answer.json()) as Record<string, unknown>;
}

async function text(sidecar: Sidecar, path: string, init: RequestInit = {}): Promise<[number, string]> {
  const answer = await fetch(sidecar.admin + path, init);
  return [answer.status, await answer.text()];
}

describe('the admin port', () => {
  it('tells version, state and what is in effect', async () => {
    const sidecar = await startSidecar([...DIGITS, '--slo_ms=75']);
    const info = await json(sidecar, '/server_info');
    assert.equal(info['state'], 'LIVE');
    assert.equal(info['version'], JSON.parse(readFileSync('package.json', 'utf8')).version);
    assert.match(String(info['uptime_current_epoch']), /^\d+s$/);
    assert.equal(info['node_version'], process.versions.node);
    assert.equal((info['command_line_options'] as Record<string, unknown>)['slo_ms'], 75);
    assert.match((info['runtimes'] as Record<string, string>)['onnxruntime-node']!, /^\d+\.\d+/);
    const dump = await json(sidecar, '/config_dump');
    assert.deepEqual((dump['options'] as Record<string, unknown>)['slo_ms'], { value: 75, from: '--slo_ms' });
    assert.equal((dump['models'] as { name: string }[])[0]!.name, 'digits');
    await fetch(`${sidecar.admin}/drain`, POST);
    assert.equal((await json(sidecar, '/server_info'))['state'], 'DRAINING');
    assert.equal(await sidecar.stop(), 0);
  });

  it('lists its paths, and all metrics', async () => {
    const sidecar = await startSidecar(DIGITS);
    const [status, help] = await text(sidecar, '/help');
    assert.equal(status, 200);
    for (const [, path] of help.matchAll(/^ {2}GET +(\S+)/gm)) {
      if (['/', '/events', '/profile', '/record'].includes(path!)) continue;
      assert.equal((await text(sidecar, path!))[0], 200, path);
    }
    const [missing, list] = await text(sidecar, '/nothing');
    assert.equal(missing, 404);
    assert.match(list, /\/config_dump .*\/help/);
    const { stats } = (await json(sidecar, '/stats?format=json&filter=^pillion_connections.*admin')) as {
      stats: { name: string; value: number }[];
    };
    assert.ok(stats.find(({ name }) => name === 'pillion_connections{surface="admin"}')!.value >= 1);
    assert.match((await text(sidecar, '/stats'))[1], /^pillion_connections\{surface="admin"\}: [1-9]/m);
    assert.equal((await text(sidecar, '/stats?filter=('))[0], 400);
    assert.equal(await sidecar.stop(), 0);
  });

  it('changes the level of the log, and the audit log says so', { skip: !hasFeature('audit') }, async (t) => {
    const directory = tempDirectory(t);
    const [tokenFile, auditFile] = [join(directory, 'token'), join(directory, 'audit')];
    writeFileSync(tokenFile, 'a-token-of-the-operators-0123456789');
    const sidecar = await startSidecar([
      ...DIGITS,
      ...[`--admin_token_file=${tokenFile}`, `--audit_log_file=${auditFile}`],
    ]);
    const headers = { ...POST.headers, authorization: 'Bearer a-token-of-the-operators-0123456789' };
    for (const path of ['/logging', '/stats', '/config_dump', '/server_info', '/help'])
      assert.equal((await text(sidecar, path))[0], 401, path);
    assert.equal((await text(sidecar, '/logging?level=debug', POST))[0], 401);
    assert.equal((await text(sidecar, '/logging', { headers }))[1], 'active loggers:\n  pillion: info\n');
    assert.deepEqual(await text(sidecar, '/logging?level=debug', { method: 'POST', headers }), [
      200,
      'active loggers:\n  pillion: debug\n',
    ]);
    await fetch(`${sidecar.rest}/v1/models/digits:predict`, {
      method: 'POST',
      body: JSON.stringify({ instances: [Array.from({ length: 64 }, () => 0.5)] }),
    });
    await sidecar.line(({ level }) => level === 'debug');
    for (const wrong of ['?level=loud', '?http=debug', '', '?level=info&http=debug'])
      assert.equal((await text(sidecar, `/logging${wrong}`, { method: 'POST', headers }))[0], 400, wrong);
    assert.match((await text(sidecar, '/logging?level=warning', { method: 'POST', headers }))[1], /: warn$/m);
    assert.equal(await sidecar.stop(), 0);
    const audited = readFileSync(auditFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ method }) => String(method).startsWith('logging'));
    assert.deepEqual(
      audited.map(({ method, outcome, by }) => [method, outcome, by]),
      [
        ['logging debug', 'refused', 'unknown'],
        ['logging debug', 'done', 'admin token'],
        ['logging', 'failed', 'admin token'],
        ['logging', 'failed', 'admin token'],
        ['logging', 'failed', 'admin token'],
        ['logging info', 'failed', 'admin token'],
        ['logging warn', 'done', 'admin token'],
      ],
    );
  });
});
