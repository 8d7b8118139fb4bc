/** `pillion requests` on a sidecar that is killed and started again, and on its file alone. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { RequestEntry } from '../../../../src/admin/request-entry.ts';
import type { Restart } from '../../../../src/features/flight-recorder/history/history-report.ts';
import { DIGITS, killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

const directory = mkdtempSync(join(tmpdir(), 'pillion-requests-'));
const file = join(directory, 'requests');
const WITH_FILE = [...DIGITS, `--flight_recorder_file=${file}`];

afterEach(killSidecars);
after(() => rmSync(directory, { recursive: true, force: true }));

interface Answer {
  readonly requests: readonly RequestEntry[];
  readonly restarts?: readonly Restart[];
}

async function pillion(...args: readonly string[]): Promise<{ readonly code: number | string; readonly text: string }> {
  const child = runPillion(args);
  const code = await child.exited;
  return { code, text: child.output() };
}

async function json(...args: readonly string[]): Promise<Answer> {
  const { code, text } = await pillion('requests', '--json', ...args);
  assert.equal(code, 0, text);
  return JSON.parse(text) as Answer;
}

const SECRET = 271828;

async function fail({ rest }: Sidecar, id: string): Promise<void> {
  const body = `{"instances":[[${SECRET}]]}`;
  const answer = await fetch(`${rest}/v1/models/digits:predict`, {
    method: 'POST',
    body,
    headers: { 'x-request-id': id },
  });
  assert.equal(answer.status, 400);
}

/** Resolves when the file has a request with that id. */
async function written(id: string): Promise<void> {
  for (;;) {
    if (readFileSync(file, 'latin1').includes(`"id":"${id}"`)) return;
    await setTimeout(50);
  }
}

describe('pillion requests', () => {
  it('shows what failed before the sidecar was killed, and the restart', async () => {
    const first = await startSidecar(WITH_FILE);
    await fail(first, 'before-the-kill');
    await written('before-the-kill');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const second = await pillion('serve', '--port=0', '--rest_api_port=0', '--admin_port=0', ...WITH_FILE);
    assert.equal(second.code, 1);
    assert.match(second.text, /another process writes .*; give each a file of its own/);
    first.process.kill('SIGKILL');
    await first.exited;

    const alone = await json(`--file=${file}`, '--outcome=failed');
    assert.deepEqual(
      alone.requests.map(({ id }) => id),
      ['before-the-kill'],
    );
    assert.equal(alone.restarts, undefined);

    const again = await startSidecar(WITH_FILE);
    await fail(again, 'after-it');
    const admin = `--admin=${again.admin.slice('http://'.length)}`;
    const both = await json(admin, '--model=digits', '--error=shape');
    assert.deepEqual(
      both.requests.map(({ id }) => id),
      ['after-it', 'before-the-kill'],
    );
    assert.deepEqual(
      both.restarts!.map(({ reason }) => reason),
      ['unknown'],
    );
    assert.deepEqual(
      (await json(admin, '--id=before-the-kill')).requests.map(({ outcome }) => outcome),
      ['invalid_request'],
    );
    assert.deepEqual((await json(admin, '--until=1h', '--since=2h')).requests, []);

    const { code, text } = await pillion('requests', admin);
    assert.equal(code, 0);
    const lines = text.split('\n');
    assert.match(lines[0]!, /^arrived +model +version +outcome +took +rows +caller +id +error$/);
    assert.match(lines[1]!, /digits .*invalid_request .*after-it/);
    assert.match(lines[2]!, /restart, with version .*: the run before was killed or has crashed/);
    assert.match(lines[3]!, /before-the-kill/);
    assert.equal(await again.stop(), 0);
    assert.ok((await json(`--file=${file}`)).requests.length === 2);
    assert.equal(readFileSync(file, 'latin1').includes(String(SECRET)), false);
  });

  it('says what is wrong with what it was asked, and where there is nothing to ask', async () => {
    const wrong = await pillion('requests', '--since=soon', '--outcome=bad', '--limit=1');
    assert.equal(wrong.code, 64);
    assert.match(wrong.text, /--since=soon wants an age/);
    assert.match(wrong.text, /--outcome=bad wants one of ok, failed/);
    const none = await pillion('requests', '--admin=127.0.0.1:1');
    assert.equal(none.code, 1);
    assert.match(none.text, /no sidecar at 127\.0\.0\.1:1/);
    const text = await pillion('requests', '--file=package.json');
    assert.equal(text.code, 1);
    assert.match(text.text, /package\.json is no file of requests/);
    const help = await pillion('requests', '--help');
    assert.equal(help.code, 0);
    for (const option of ['--since=TIME', '--caller=ADDRESS', '--trace=TRACE_ID', '--file=FILE', '--json']) {
      assert.ok(help.text.includes(option), option);
    }
  });
});
