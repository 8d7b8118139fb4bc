/** A model's life on a real disk: what an operator copies, renames and deletes, and what clients see of it. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it, type TestContext } from 'node:test';
import { onnxModel } from '../support/onnx-model.ts';
import {
  type Environment,
  killSidecars,
  type LogLine,
  runPillion,
  type Sidecar,
  startSidecar,
} from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

afterEach(killSidecars);

/** y = x + `plus`, so that an answer tells which version gave it. */
function plusModel(plus: number): Uint8Array {
  const x = { name: 'x', dtype: 'float32', dims: ['rows'] } as const;
  return onnxModel({
    inputs: [x],
    outputs: [{ ...x, name: 'y' }],
    nodes: [{ op: 'Add', inputs: ['x', 'plus'], outputs: ['y'] }],
    initializers: [{ name: 'plus', dtype: 'float32', dims: [1], data: new Uint8Array(Float32Array.of(plus).buffer) }],
  });
}

/** As an operator does: written under another name, and renamed when whole. */
function publish(base: string, version: number, file: Uint8Array = plusModel(version)): void {
  const incoming = join(base, `.incoming-${version}`);
  mkdirSync(incoming, { recursive: true });
  writeFileSync(join(incoming, 'model.onnx'), file);
  renameSync(incoming, join(base, String(version)));
}

/** What a server is made to run: more of the file each time, from the start again at its end; all of it once that is said. */
const COPYING = `
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');
const { whole, path, finished } = WORDS;
const file = readFileSync(whole);
let end = 0;
const write = () => {
  const isFinished = existsSync(finished);
  end = (end % (file.length - 1)) + 1;
  writeFileSync(path, isFinished ? file : file.subarray(0, end));
  if (isFinished) clearInterval(copying);
};
const copying = isMainThread ? setInterval(write, 20).unref() : undefined;
if (isMainThread) write();
`;

/**
 * A copy that is never at rest, another length at each look, until it is finished: then it is whole. The server that gets
 * the environment goes on with it itself, so that it writes between any two of its looks, however late they are.
 */
function copyForever(t: TestContext, base: string, version: number): { environment: Environment; finish(): void } {
  const directory = tempDirectory(t);
  const [whole, finished, script] = ['whole', 'finished', 'copy.cjs'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const path = join(base, String(version), 'model.onnx');
  mkdirSync(join(base, String(version)), { recursive: true });
  const file = plusModel(version);
  writeFileSync(path, file.subarray(0, 1));
  writeFileSync(whole, file);
  writeFileSync(script, COPYING.replace('WORDS', JSON.stringify({ whole, path, finished })));
  return { environment: { NODE_OPTIONS: `--require=${script}` }, finish: () => writeFileSync(finished, '') };
}

/** Which version answered. Throws unless the answer is good. */
async function ask(rest: string, version = ''): Promise<number> {
  const url = `${rest}/v1/models/m${version}:predict`;
  const answer = await fetch(url, { method: 'POST', body: '{"instances":[0]}' });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return (JSON.parse(text) as { predictions: [number] }).predictions[0];
}

interface Status {
  readonly version: string;
  readonly state: string;
  readonly status: { readonly error_code: string; readonly error_message: string };
}

async function statusOf(rest: string): Promise<readonly Status[]> {
  const answer = await fetch(`${rest}/v1/models/m`);
  return ((await answer.json()) as { model_version_status: Status[] }).model_version_status;
}

function is(version: number, state: string): (line: LogLine) => boolean {
  return (line) => line['version'] === String(version) && line['state'] === state;
}

async function serving(t: TestContext, versions: readonly number[] = [1], ...args: string[]) {
  const base = join(tempDirectory(t), 'm');
  mkdirSync(base);
  for (const version of versions) publish(base, version);
  const sidecar = await startSidecar([`--model=m=${base}`, ...args]);
  return { base, sidecar };
}

interface Load {
  /** Resolves when the version has answered. */
  answered(version: number): Promise<void>;
  stop(): Promise<ReadonlySet<number>>;
}

/** Asks all the time, on a few connections, until stopped; the versions that answered. None goes back for one client. */
function askAllTheTime(sidecar: Sidecar): Load {
  const answers = new Set<number>();
  let isOver = false;
  const client = async (): Promise<void> => {
    for (let last = 0; !isOver; ) {
      const version = await ask(sidecar.rest);
      assert.ok(version >= last, `version ${version} answered after ${last}`);
      answers.add(version);
      last = version;
    }
  };
  const clients = Promise.all([client(), client(), client()]);
  const answered = async (version: number): Promise<void> => {
    while (!answers.has(version)) await Promise.race([clients, new Promise(setImmediate)]);
  };
  const stop = async (): Promise<ReadonlySet<number>> => {
    isOver = true;
    await clients;
    return answers;
  };
  return { answered, stop };
}

describe('a model’s life', () => {
  it('a version renamed into place takes over, and no request fails of it', async (t) => {
    const { base, sidecar } = await serving(t);
    const load = askAllTheTime(sidecar);
    for (const version of [2, 3]) {
      await load.answered(version - 1);
      publish(base, version);
      const up = await sidecar.line(is(version, 'AVAILABLE'));
      assert.equal(typeof up['lasted_ms'], 'number');
      await sidecar.line(is(version - 1, 'END'));
    }
    assert.equal(await ask(sidecar.rest), 3);
    await load.answered(3);
    assert.deepEqual([...(await load.stop())].sort(), [1, 2, 3]);
    assert.deepEqual(
      (await statusOf(sidecar.rest)).map(({ version, state }) => `${version} ${state}`),
      ['3 AVAILABLE', '2 END', '1 END'],
    );
    assert.equal(await sidecar.stop(), 0);
  });

  it('a directory that is still being copied is not loaded until it is whole', async (t) => {
    const base = join(tempDirectory(t), 'm');
    const copy = copyForever(t, base, 1);
    const args = [`--model=m=${base}`, '--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];
    const sidecar = runPillion(['serve', ...args], copy.environment);
    await sidecar.line((line) => String(line['reason']).endsWith('is still being written'));
    copy.finish();
    await sidecar.line((line) => line.event === 'ready');
    assert.ok(!sidecar.lines.some((line) => line.msg === 'model version failed to load'));
    const ready = await sidecar.line((line) => line.event === 'ready');
    assert.equal(await ask(`http://${(ready['rest'] as string[])[0]}`), 1);
    assert.equal(await sidecar.stop(), 0);
  });

  it('a broken version leaves the old one serving and shows its error, until it is mended', async (t) => {
    const { base, sidecar } = await serving(t);
    publish(base, 2, new TextEncoder().encode('no model'));
    const failed = await sidecar.line(is(2, 'END'));
    assert.match(JSON.stringify(failed['err']), /model\.onnx/);
    assert.equal(await ask(sidecar.rest), 1);
    const [status] = await statusOf(sidecar.rest);
    assert.deepEqual([status!.version, status!.state], ['2', 'END']);
    assert.equal(status!.status.error_code, 'FAILED_PRECONDITION');
    assert.match(status!.status.error_message, /2\/model\.onnx/);
    writeFileSync(join(base, '2', 'model.onnx'), plusModel(2));
    await sidecar.line(is(2, 'AVAILABLE'));
    assert.equal(await ask(sidecar.rest), 2);
    assert.equal(await sidecar.stop(), 0);
  });

  it('a base path that comes later is served then, and readiness says what it waits for', async (t) => {
    const base = join(tempDirectory(t), 'late');
    const args = [`--model=m=${base}`, '--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];
    const sidecar = runPillion(['serve', ...args]);
    await sidecar.line((line) => line['model'] === 'm');
    const listening = await sidecar.line((line) => line.event === 'listening');
    const rest = `http://${(listening['rest'] as string[])[0]}`;
    const early = await fetch(`${rest}/v1/models/m:predict`, { method: 'POST', body: '{"instances":[0]}' });
    assert.equal(early.status, 503);
    assert.match(await early.text(), /base path .*late does not exist/);
    assert.equal((await fetch(`${rest}/v1/models/m`)).status, 404);
    const admin = `http://${listening['admin'] as string}/ready`;
    assert.match(await (await fetch(admin)).text(), /model "m": base path .*late does not exist/);
    mkdirSync(base);
    publish(base, 1);
    await sidecar.line((line) => line.event === 'ready');
    assert.equal((await fetch(admin)).status, 200);
    assert.equal(await ask(rest), 1);
    assert.equal(await sidecar.stop(), 0);
  });

  it('deleted versions unload; those that remain are asked instead, and a deleted base path changes nothing', async (t) => {
    const { base, sidecar } = await serving(t, [1, 2]);
    rmSync(join(base, '2'), { recursive: true });
    await sidecar.line(is(2, 'END'));
    assert.equal(await ask(sidecar.rest), 1);
    renameSync(base, `${base}.away`);
    await sidecar.line((line) => String(line['reason']).includes('does not exist'));
    assert.equal(await ask(sidecar.rest), 1);
    renameSync(`${base}.away`, base);
    rmSync(join(base, '1'), { recursive: true });
    await sidecar.line(is(1, 'END'));
    const gone = await fetch(`${sidecar.rest}/v1/models/m:predict`, { method: 'POST', body: '{"instances":[0]}' });
    assert.equal(gone.status, 404);
    // It was ready once: the pod keeps its traffic, and its other models theirs.
    assert.equal((await fetch(`${sidecar.admin}/ready`)).status, 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('killed in the middle of a copy, starts again with what is whole', async (t) => {
    const { base, sidecar } = await serving(t);
    const copy = copyForever(t, base, 2);
    assert.equal(await ask(sidecar.rest), 1);
    sidecar.process.kill('SIGKILL');
    await sidecar.exited;
    cpSync(join(base, '1'), join(base, '.incoming-3'), { recursive: true });
    const again = await startSidecar([`--model=m=${base}`], copy.environment);
    assert.equal(await ask(again.rest), 1);
    assert.ok(!again.lines.some((line) => line['version'] === '2' && line['state'] === 'LOADING'));
    copy.finish();
    await again.line(is(2, 'AVAILABLE'));
    assert.equal(await ask(again.rest), 2);
    assert.equal(await again.stop(), 0);
  });

  it('resource preserving ends the old version before the new one loads', async (t) => {
    const { base, sidecar } = await serving(t, [1], '--version_transition_policy=resource');
    publish(base, 2);
    await sidecar.line(is(2, 'AVAILABLE'));
    const states = sidecar.lines
      .filter((line) => line['state'] !== undefined && line['lasted_ms'] !== undefined)
      .map((line) => `${line['version']} ${line['state']}`);
    assert.deepEqual(states.slice(-4), ['1 UNLOADING', '1 END', '2 LOADING', '2 AVAILABLE']);
    assert.equal(await ask(sidecar.rest, '/versions/2'), 2);
    assert.equal(await sidecar.stop(), 0);
  });
});
