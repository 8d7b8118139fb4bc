/** `pillion record` against the real sidecar. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { copyModel, inputsOf, predict, until } from '../../../support/recorded-models.ts';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

afterEach(killSidecars);

describe('pillion record', () => {
  const recordArgs = (sidecar: Sidecar, out: string, ...more: string[]) => [
    'record',
    '--model=h',
    `--admin=${sidecar.admin.slice('http://'.length)}`,
    `--out=${out}`,
    ...more,
  ];

  /** Starts recording; resolves when requests are being recorded. */
  async function startRecording(...args: Parameters<typeof recordArgs>) {
    const recorder = runPillion(recordArgs(...args));
    await until(() => recorder.output().includes('Ctrl-C'));
    return recorder;
  }

  it('writes files that warm up and prove the next version', async (t) => {
    const model = copyModel(t);
    const sidecar = await startSidecar([model.flag()]);
    model.copyVersion(2);
    mkdirSync(join(model.base, '2', 'assets.extra'));
    const warmUp = await startRecording(sidecar, model.warmUpFile(2), '--count=2');
    const golden = await startRecording(sidecar, model.goldenFile(2), '--count=1', '--golden');
    await predict(sidecar, 1, 2);
    await predict(sidecar, 5);
    assert.equal(await warmUp.exited, 0, warmUp.output());
    assert.equal(await golden.exited, 0, golden.output());
    assert.match(warmUp.output(), /2 requests, .* \(all of them\)\n.*assets\.extra\/tf_serving_warmup_requests/);
    assert.deepEqual(inputsOf(readFileSync(model.warmUpFile(2))), [[1, 2], [5]]);
    assert.deepEqual(readdirSync(join(model.base, '2', 'assets.extra')).length, 2, 'nothing else is left');
    const next = await startSidecar([model.flag()]);
    // Its files are new: version 1 may be served until they have come to rest.
    await next.line((line) => line['version'] === '2' && line['state'] === 'AVAILABLE');
    const replayed = next.lines.filter(({ event }) => event === 'replayed');
    assert.deepEqual(
      replayed.map((line) => [line['version'], line['what'], line['records']]),
      [
        ['2', 'warm-up', 2],
        ['2', 'golden', 1],
      ],
    );
    await Promise.all([sidecar.stop(), next.stop()]);
  });

  it('keeps what there is when it is stopped, or when the sidecar ends', async (t) => {
    const model = copyModel(t);
    const sidecar = await startSidecar([model.flag()]);
    const [stopped, ended] = [join(model.directory, 'stopped'), join(model.directory, 'ended')];
    const first = await startRecording(sidecar, stopped);
    const second = await startRecording(sidecar, ended);
    await predict(sidecar, 7);
    const hasTwo = async () =>
      /recorded_requests_total\{[^}]*written"\} 2/.test(await (await fetch(`${sidecar.admin}/metrics`)).text());
    await until(hasTwo);
    const partial = readdirSync(model.directory).find((name) => name.startsWith('.stopped'))!;
    await until(() => statSync(join(model.directory, partial)).size > 0);
    first.process.kill('SIGINT');
    assert.equal(await first.exited, 0, first.output());
    assert.equal(await sidecar.stop(), 0);
    assert.equal(await second.exited, 0, second.output());
    assert.match(second.output(), /the sidecar is shutting down/);
    for (const file of [stopped, ended]) assert.deepEqual(inputsOf(readFileSync(file)), [[7]]);
  });

  it('writes no file where there is nothing to write, and over none unless told to', async (t) => {
    const model = copyModel(t);
    const sidecar = await startSidecar([model.flag()]);
    const out = join(model.directory, 'out');
    const nothing = runPillion(recordArgs(sidecar, out, '--duration=1'));
    assert.equal(await nothing.exited, 1);
    assert.match(nothing.output(), /no request was recorded \(--duration=1 is over\); no file was written/);
    assert.deepEqual(readdirSync(model.directory), ['h']);
    writeFileSync(out, 'mine');
    const there = runPillion(recordArgs(sidecar, out));
    assert.equal(await there.exited, 1);
    assert.match(there.output(), /exists already; choose another --out, or overwrite it with --force/);
    const forced = await startRecording(sidecar, out, '--count=1', '--force');
    await predict(sidecar, 3);
    assert.equal(await forced.exited, 0);
    assert.deepEqual(inputsOf(readFileSync(out)), [[3]]);
    const late = join(model.directory, 'late');
    const taken = await startRecording(sidecar, late, '--count=1', '--force');
    mkdirSync(late);
    await predict(sidecar, 4);
    assert.equal(await taken.exited, 1);
    const [, kept] = /the records are complete, in (\S+)$/m.exec(taken.output())!;
    assert.deepEqual(inputsOf(readFileSync(kept!)), [[4]]);
    for (const [path, what] of plantedPaths(model.directory)) {
      const refused = runPillion(recordArgs(sidecar, path, '--force'));
      assert.equal(await refused.exited, 1);
      assert.match(refused.output(), new RegExp(`is ${what}, and a plain file is wanted`));
      const profiled = runPillion(['profile', `--admin=${sidecar.admin.slice(7)}`, '--seconds=1', `--out=${path}`]);
      assert.equal(await profiled.exited, 1);
      assert.match(profiled.output(), new RegExp(`is ${what}, and a plain file is wanted`));
    }
    assert.equal(readFileSync(out, 'utf8').length > 0, true);
    assert.equal(await sidecar.stop(), 0);
  });

  it('says what is wrong: the command line, the address, the model, the directory', async (t) => {
    const model = copyModel(t);
    const line = runPillion(['record', '--count=0', '--admin=nowhere']);
    assert.equal(await line.exited, 64);
    assert.match(line.output(), /--count=0: wants a whole number from 1 to 1000/);
    const bare = runPillion(['record', '--admin=nowhere']);
    assert.equal(await bare.exited, 64);
    assert.match(
      bare.output(),
      /give --model=NAME\n.*give --out=FILE\n.*--admin=nowhere wants HOST:PORT\n.*record --help/,
    );
    const out = join(model.directory, 'out');
    const nobody = runPillion(['record', '--model=h', '--admin=127.0.0.1:1', `--out=${out}`]);
    assert.equal(await nobody.exited, 1);
    assert.match(nobody.output(), /no sidecar at 127\.0\.0\.1:1: .*ECONNREFUSED.*start `pillion serve`/);
    const sidecar = await startSidecar([model.flag()]);
    const unknown = runPillion(recordArgs(sidecar, out, '--model=zz'));
    assert.equal(await unknown.exited, 1);
    assert.match(unknown.output(), /no model "zz" is served here; served: h/);
    const nowhere = runPillion(recordArgs(sidecar, join(model.directory, 'no', 'out')));
    assert.equal(await nowhere.exited, 1);
    assert.match(nowhere.output(), /ENOENT/);
    assert.deepEqual(readdirSync(model.directory), ['h']);
    const help = runPillion(['record', '--help']);
    assert.equal(await help.exited, 0);
    assert.match(help.output(), /--golden/);
    assert.equal(await sidecar.stop(), 0);
  });
});

/** What may have taken the name of a file: its path, and what an error calls it. */
function plantedPaths(directory: string): readonly (readonly [path: string, what: string])[] {
  const [link, fifo] = [join(directory, 'link'), join(directory, 'fifo')];
  symlinkSync(join(directory, 'out'), link);
  execFileSync('mkfifo', [fifo]);
  return [
    [link, 'a link'],
    [fifo, 'a FIFO, socket or device'],
    [join(directory, 'h'), 'a directory'],
  ];
}
