import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { FREE_PORTS } from '../../../../bench/support/launcher.ts';
import { type InTerminal, runInTerminal, seen } from '../../../support/pseudo-terminal.ts';
import { DIGITS, killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

const SERVE = ['serve', ...FREE_PORTS, ...DIGITS];
const CTRL_C = '\u0003';
const READY = 'Ctrl-C ends it.';

const running: InTerminal[] = [];
const run: typeof runInTerminal = (...of) => {
  const started = runInTerminal(...of);
  running.push(started);
  return started;
};

describe('in a terminal, serve', { skip: process.platform === 'win32' }, () => {
  afterEach(() => {
    for (const each of running.splice(0)) each.kill();
    killSidecars();
  });

  it('shows what it serves and where, one line a model, and how it ends', async () => {
    const server = run(SERVE);
    await server.written(READY);
    const lines = seen(server.text());
    assert.match(lines[0]!, /^Pillion \d+\.\d+\.\d+ serves digits$/);
    const [rest] = /http:\S+\/v1\/models\/digits/.exec(lines[2]!)!;
    assert.equal((await fetch(rest)).status, 200);
    assert.match(lines[3]!, /^ {2}gRPC {5}localhost:\d+$/);
    const [page] = /http:\S+$/.exec(lines[4]!)!;
    assert.match(await (await fetch(page)).text(), /<title>/);
    assert.match(lines[6]!, /^ {2}digits {2}version 1 {2}ready {4}\d+\.\d s, .*\d+ KiB$/);
    assert.match(lines[7]!, /^ready with 1 model after /);
    assert.equal(lines.length, 9);
    assert.match(server.text(), /loading .*opening/);
    server.type(CTRL_C);
    assert.equal(await server.exited, 0);
    assert.deepEqual(
      seen(server.text())
        .slice(9)
        .map((line) => line.replace(/^\d\d:\d\d:\d\d /, '')),
      [
        'told to end  (signal SIGINT)',
        'draining: no new connections, finishing what clients have begun',
        'drained',
        '',
      ],
    );
  });

  it('fits a narrow one while models load', async () => {
    const server = run(SERVE, { columns: 30, rows: 8 });
    await server.written(READY);
    // Cursor movements and colours aside: the lines between them that are drawn anew.
    const drawn = [...server.text().matchAll(/\?7l([^\n]*)/g)].map(([, line]) =>
      line!.replaceAll(/\p{Cc}\[\d+m|\r/gu, ''),
    );
    assert.ok(drawn.length > 0);
    for (const line of drawn) assert.ok(line.length < 30, line);
  });

  for (const [what, environment, hasSequences] of [
    ['has no colours with NO_COLOR', { NO_COLOR: '1' }, true],
    ['writes plain lines where TERM=dumb', { TERM: 'dumb' }, false],
    ['writes plain lines for a CI', { CI: 'true' }, false],
  ] as const) {
    it(what, async () => {
      const server = run(SERVE, { environment });
      await server.written(READY);
      assert.doesNotMatch(server.text(), /\p{Cc}\[\d+m/u);
      assert.equal(server.text().includes('\u001b'), hasSequences);
      assert.match(server.text(), /digits {2}version 1 {2}ready/);
    });
  }

  it('shows what a caller sent, and does not let it act', async () => {
    const server = run(SERVE, { environment: { NO_COLOR: '1' } });
    await server.written(READY);
    const [rest] = /http:\S+(?=digits)/.exec(server.text())!;
    const evil = encodeURIComponent('x\u001b[2J\u001b]0;y\u0007\u202e\n99:99:99');
    const headers = { 'x-request-id': '\u009b2J' };
    assert.equal((await fetch(`${rest}${evil}:predict`, { method: 'POST', body: '{}', headers })).status, 404);
    await server.written('model_not_found');
    const after = server.text().slice(server.text().indexOf(READY));
    assert.match(after, /x\\(?:x1b|u001b)\[2J/);
    assert.doesNotMatch(after, /[^\P{Cc}\r\n]|\p{Cf}|^99:99:99/mu);
  });

  it('says why a model does not load, and ends', async (t) => {
    const base = tempDirectory(t);
    mkdirSync(join(base, '1'));
    writeFileSync(join(base, '1', 'model.onnx'), 'no model');
    const server = run(['serve', ...FREE_PORTS, `--model=m=${base}`]);
    assert.equal(await server.exited, 1);
    const lines = seen(server.text());
    assert.ok(
      lines.some((line) => /^ {2}m {2}version 1 {2}failed /.test(line)),
      lines.join('\n'),
    );
    assert.ok(
      lines.some((line) => /error: m version 1: .*model\.onnx/.test(line)),
      lines.join('\n'),
    );
  });

  it('writes JSON where that is asked for', async () => {
    const server = run([...SERVE, '--log_style=json']);
    await server.written('"event":"ready"');
    assert.ok(!server.text().includes('\u001b'));
  });
});

it('into a pipe, serve writes JSON, or text where that is asked for', async () => {
  const json = await startSidecar(DIGITS);
  assert.ok(
    json
      .output()
      .split('\n')
      .every((line) => line.startsWith('{')),
  );
  await json.stop();
  const text = runPillion(SERVE, { PILLION_LOG_STYLE: 'text' });
  await text.printed(READY);
  assert.equal(await text.stop(), 0);
  assert.doesNotMatch(text.output(), /[^\P{Cc}\n]/u);
});
