/** `pillion init` as a user types it: what it writes is served, and what it cannot serve leaves nothing behind. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { stump, xgboostModel } from '../../../support/tree-models.ts';

after(killSidecars);

const COLUMNS = 'test/fixtures/exports/columns/1/model.onnx';

async function init(...args: readonly string[]): Promise<{ readonly status: number | string; readonly text: string }> {
  const child = runPillion(['init', ...args]);
  const status = await child.exited;
  return { status, text: child.output() };
}

describe('pillion init', () => {
  it('makes a directory that is served, and a request that is answered', async (t) => {
    const folder = tempDirectory(t);
    const file = join(folder, 'stay or leave.onnx');
    copyFileSync(COLUMNS, file);
    const models = join(folder, 'models');
    const { status, text } = await init(file, `--models=${models}`);
    assert.equal(status, 0, text);
    const base = join(models, 'stay-or-leave');
    assert.match(text, /copied from .*stay or leave\.onnx \(onnx, /);
    assert.ok(text.includes(`pillion serve --model=stay-or-leave=${base}`), text);
    assert.ok(text.includes(`pillion predict stay-or-leave ${join(base, 'request.json')}`), text);
    const yaml = readFileSync(join(base, '1', 'pillion.yaml'), 'utf8');
    assert.match(yaml, /^# {5}city +string \[\?,1\]$/m);
    assert.match(yaml, /classes "leaves", "stays"/);

    const sidecar = await startSidecar([`--model=stay-or-leave=${base}`]);
    const body = readFileSync(join(base, 'request.json'), 'utf8');
    const answer = await fetch(`${sidecar.rest}/v1/models/stay-or-leave:predict`, { method: 'POST', body });
    assert.equal(answer.status, 200);
    const { predictions } = (await answer.json()) as { predictions: Record<string, unknown>[] };
    assert.deepEqual(Object.keys(predictions[0]!).sort(), ['output_label', 'output_probability']);
    assert.equal(await sidecar.stop(), 0);
  });

  it('knows trees by their first bytes, links when asked, and overwrites nothing', async (t) => {
    const folder = tempDirectory(t);
    const file = join(folder, 'booster.bst');
    writeFileSync(file, JSON.stringify(xgboostModel({ trees: [stump(0, 1, 0, 1)], features: 2 })));
    const made = await init(file, '--name=trees', `--models=${folder}`, '--link');
    assert.equal(made.status, 0, made.text);
    assert.match(made.text, /linked to .*booster\.bst \(trees, /);
    assert.equal(statSync(file).ino, statSync(join(folder, 'trees', '1', 'model.json')).ino);
    const request = join(folder, 'trees', 'request.json');
    assert.equal(readFileSync(request, 'utf8'), '{"instances":[[0.0,0.0]]}\n');
    writeFileSync(request, 'mine');
    const again = await init(file, '--name=trees', `--models=${folder}`);
    assert.equal(again.status, 1);
    assert.match(again.text, /trees\/1 exists already, and nothing was written; give another --version or --name/);
    const next = await init(file, '--name=trees', `--models=${folder}`, '--version=2');
    assert.equal(next.status, 0, next.text);
    assert.match(next.text, /request\.json {2}was there, and stays as it was/);
    assert.equal(readFileSync(request, 'utf8'), 'mine');
    assert.deepEqual(readdirSync(join(folder, 'trees')).sort(), ['1', '2', 'request.json']);
  });

  it('knows XGBoost’s binary form by its first bytes, whatever its name', async (t) => {
    const folder = tempDirectory(t);
    const file = join(folder, 'spending');
    copyFileSync('test/fixtures/xgboost/frame.ubj', file);
    const made = await init(file, `--models=${join(folder, 'models')}`);
    assert.equal(made.status, 0, made.text);
    assert.ok(existsSync(join(folder, 'models', 'spending', '1', 'model.ubj')));
    const request = readFileSync(join(folder, 'models', 'spending', 'request.json'), 'utf8');
    assert.match(request, /"zone code":"10","visits":0/);
  });

  it('takes weights that it finds itself and that are named as well, and not two files for one', async (t) => {
    const folder = tempDirectory(t);
    const [file, weights, other] = ['churn.onnx', 'churn.onnx.data', 'model.onnx'].map((each) => join(folder, each));
    for (const each of [file!, other!]) copyFileSync(COLUMNS, each);
    writeFileSync(weights!, 'weights');
    const made = await init(file!, weights!, `--models=${folder}`);
    assert.equal(made.status, 0, made.text);
    assert.equal(readFileSync(join(folder, 'churn', '1', 'churn.onnx.data'), 'utf8'), 'weights');
    assert.equal(statSync(join(folder, 'churn', '1')).mode & 0o777, 0o777 & ~process.umask());
    const two = await init(file!, other!, `--models=${folder}`, '--version=2');
    assert.equal(two.status, 1, two.text);
    assert.match(two.text, /would both be model\.onnx/);
    assert.deepEqual(readdirSync(join(folder, 'churn')).sort(), ['1', 'request.json']);
  });

  it('names the locale that a text pipeline wants, and how to do without', async (t) => {
    const models = join(tempDirectory(t), 'models');
    // A machine that has the locale has none in a directory that is empty.
    const file = 'test/fixtures/first-answers/words.onnx';
    const child = runPillion(['init', file, `--models=${models}`], { LOCPATH: tempDirectory(t) });
    assert.equal(await child.exited, 1, child.output());
    assert.match(child.output(), /want the locale en_US\.UTF-8, which this machine does not have; install it \(Debian/);
    assert.match(child.output(), /options=\{TfidfVectorizer: \{"locale": "C\.UTF-8"\}\}/);
    assert.ok(!existsSync(models));
  });

  it('asks for rows by name where the model has names', async (t) => {
    const models = tempDirectory(t);
    const made = await init('test/fixtures/first-answers/churn.txt', `--models=${models}`);
    assert.equal(made.status, 0, made.text);
    const request = readFileSync(join(models, 'churn', 'request.json'), 'utf8');
    assert.equal(request, '{"instances":[{"age":0,"city":"Bern"}]}\n');
    const yaml = readFileSync(join(models, 'churn', '1', 'pillion.yaml'), 'utf8');
    assert.match(yaml, /^# {7}columns: age, city \(Bern, Oslo, Rome\)$/m);
  });

  it('says how to export what is not served, and leaves nothing behind', async (t) => {
    const folder = tempDirectory(t);
    const models = join(folder, 'models');
    const refused = async (name: string, content: string | Uint8Array, ...more: string[]): Promise<string> => {
      writeFileSync(join(folder, name), content);
      const { status, text } = await init(join(folder, name), `--models=${models}`, ...more);
      assert.equal(status, 1, text);
      assert.ok(!existsSync(models), text);
      return text;
    };
    assert.match(await refused('clf.pkl', Uint8Array.of(0x80, 4)), /skl2onnx\.to_onnx/);
    assert.match(await refused('clf', Uint8Array.of(0x80, 4)), /skl2onnx\.to_onnx/);
    assert.match(await refused('net.keras', 'PK'), /model\.export\("DIR"\)/);
    assert.match(await refused('net.pt', 'PK'), /torch\.onnx\.export/);
    assert.match(await refused('notes.md', '# no model'), /its form is not known; served are/);
    assert.match(await refused('broken.onnx', 'no model'), /it cannot be served: "[^"]*broken\.onnx/);
    const away = JSON.stringify({ modelTopology: {}, weightsManifest: [{ paths: ['../../etc/passwd'] }] });
    assert.match(await refused('model.json', away), /are not in its own folder/);
    mkdirSync(join(folder, 'empty'));
    assert.match((await init(join(folder, 'empty'))).text, /holds no model: saved_model\.pb/);
    mkdirSync(join(folder, 'served', '1'), { recursive: true });
    writeFileSync(join(folder, 'served', '1', 'model.onnx'), '');
    assert.match(
      (await init(join(folder, 'served'))).text,
      /served has numbered directories.*serve --model=NAME=.*served$/,
    );
    const none = await init();
    assert.deepEqual([none.status, /give its file: pillion init MODEL_FILE/.test(none.text)], [64, true]);
    assert.equal((await init(COLUMNS, '--name=../x')).status, 64);
  });

  it('takes regular files of a folder alone, and follows no link out of it that is not named', async (t) => {
    const folder = tempDirectory(t);
    const models = `--models=${join(folder, 'models')}`;
    const made = join(folder, 'made');
    mkdirSync(join(made, '..2026_12_01'), { recursive: true });
    copyFileSync(COLUMNS, join(folder, 'blob'));
    symlinkSync('../blob', join(made, 'model.onnx'));
    symlinkSync('.', join(made, 'loop'));
    writeFileSync(join(made, '..2026_12_01', 'old'), '');
    const refused = await init(made, models);
    assert.equal(refused.status, 1);
    assert.match(refused.text, /model\.onnx: is a link out of the folder, to .*blob; give .* as a further word/);
    assert.equal(existsSync(join(folder, 'models')), false);
    const named = await init(made, join(made, 'model.onnx'), models);
    assert.equal(named.status, 0, named.text);
    const version = join(folder, 'models', 'made', '1');
    assert.deepEqual(readdirSync(version).sort(), ['model.onnx', 'pillion.yaml']);
    assert.equal(lstatSync(join(version, 'model.onnx')).isFile(), true);

    execFileSync('mkfifo', [join(made, 'pipe')]);
    assert.match((await init(made, join(made, 'model.onnx'), models)).text, /pipe: is a pipe, and no part of a model/);
    rmSync(join(made, 'pipe'));
    for (let i = 0; i <= 10_000; i++) writeFileSync(join(made, `part${i}`), '');
    assert.match((await init(made, join(made, 'model.onnx'), models)).text, /more than 10000 files are no model/);
  });

  it('ends for a folder that the system makes up, and for models where none can be made', async (t) => {
    const folder = tempDirectory(t);
    const file = join(folder, '-new\nline.onnx');
    copyFileSync(COLUMNS, file);
    const cases: readonly (readonly [args: readonly string[], text: RegExp])[] = [
      [
        [COLUMNS, '--models=/proc/x'],
        /\/proc\/x\/columns cannot be made: the system makes no directories there; .*--models/,
      ],
      [[COLUMNS, `--models=${file}`], /cannot be made: a file is in its way/],
      [['/proc'], /\/proc holds no model/],
      [['/proc/kmsg'], /\/proc\/kmsg: is a file of the kernel \(proc\), and no model/],
      [['/dev/zero'], /is no file that can be read as a whole/],
      [['--', '-none.onnx'], /-none\.onnx: there is no such file/],
    ];
    for (const [args, text] of cases) {
      const { status, text: said } = await init(...args);
      assert.match(said, text);
      assert.equal(status, 1);
    }
    const odd = await init(file, `--models=${folder}`);
    assert.equal(odd.status, 0, odd.text);
    assert.equal(existsSync(join(folder, 'new-line', '1', 'model.onnx')), true);
  });
});
