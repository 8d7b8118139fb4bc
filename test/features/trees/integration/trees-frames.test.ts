/**
 * Rows of data frames by name are predicted as LightGBM and XGBoost predict the frames: random columns, categories among
 * them. Python trains the models here; `npm test` prepares its environment. A list of categories is taken only for the
 * column that it is of.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { promisify } from 'node:util';
import type { ModelParameters, Session } from '../../../../src/backends/backend.ts';
import { loadOptionsOf } from '../../../../src/backends/load-options.ts';
import { backend } from '../../../../src/backends/trees/trees-backend.ts';
import { readInputs } from '../../../../src/codec/json/json-inputs.ts';
import { PredictBodyScanner } from '../../../../src/codec/json/predict-body.ts';
import type { Category, Column } from '../../../../src/core/columns/columns.ts';
import { elements, type NumericTensor } from '../../../../src/core/tensor.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** As train_frames.py writes it. */
interface Frame {
  readonly library: string;
  readonly records: readonly Readonly<Record<string, unknown>>[];
  readonly lists: Readonly<Record<string, readonly unknown[]>>;
  readonly categories: Readonly<Record<string, readonly Category[]>>;
  readonly predictions: readonly number[];
}

const MODELS = 40;
/** Most that a prediction may differ, relative to its size or to 1. */
const TOLERANCE = 1e-6;

/** LightGBM's names have no white space. */
const nameInFile = (library: string, name: string): string =>
  library === 'lightgbm' ? name.replaceAll(' ', '_') : name;

async function open(directory: string, parameters: ModelParameters = new Map()): Promise<Session> {
  return backend.load(directory, loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu', parameters }));
}

function columnsOf(session: Session): readonly Column[] {
  return session.signatures.get('serving_default')!.inputs.get('features')!.columns!.list;
}

/** Columns of categories that were paired with none. A column with others than its own fails. */
function unpaired(session: Session, { library, categories }: Frame): readonly string[] {
  const own = new Map(Object.entries(categories).map(([name, list]) => [nameInFile(library, name), list]));
  for (const { name, categories: taken } of columnsOf(session)) {
    if (taken !== undefined) assert.deepEqual(taken, own.get(name), `column ${name}`);
  }
  return columnsOf(session)
    .filter(({ name, categories: taken }) => own.has(name) && taken === undefined)
    .map(({ name }) => name);
}

async function predictions(session: Session, body: object): Promise<readonly number[]> {
  const { inputs } = session.signatures.get('serving_default')!;
  const scanner = new PredictBodyScanner();
  const sent = readInputs(scanner, scanner.scan(Buffer.from(JSON.stringify(body))), { inputs });
  const outputs = await session.run('serving_default', sent, ['prediction'], { deadline: Infinity });
  return [...elements(outputs.get('prediction') as NumericTensor)] as number[];
}

async function checkFrame(session: Session, frame: Frame): Promise<void> {
  for (const body of [{ instances: frame.records }, { inputs: frame.lists }]) {
    const actual = await predictions(session, body);
    assert.equal(actual.length, frame.predictions.length);
    for (const [i, wanted] of frame.predictions.entries()) {
      const difference = Math.abs(actual[i]! - wanted) / Math.max(1, Math.abs(wanted));
      assert.ok(difference <= TOLERANCE, `prediction ${i} is ${actual[i]}, not ${wanted}`);
    }
  }
}

it('predicts rows by name as the libraries predict their data frames', async (t) => {
  const python = process.env['PILLION_TEST_PYTHON'];
  assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
  const directory = tempDirectory(t);
  const seed = Math.floor(Math.random() * 1e6);
  t.diagnostic(`seed ${seed}`);
  await promisify(execFile)(python, ['test/clients/train_frames.py', directory, String(seed), String(MODELS)]);
  const names = JSON.parse(readFileSync(join(directory, 'models.json'), 'utf8')) as string[];
  let whole = 0;
  for (const name of names) {
    await t.test(name, async () => {
      const model = join(directory, name);
      const frame = JSON.parse(readFileSync(join(model, 'frames.json'), 'utf8')) as Frame;
      const categories = Object.entries(frame.categories).map(([column, list]) => [
        nameInFile(frame.library, column),
        list,
      ]);
      const declared = new Map([['categories', JSON.stringify(Object.fromEntries(categories))]]);
      const forms = [model];
      if (frame.library === 'lightgbm') {
        mkdirSync(join(model, 'dump'));
        copyFileSync(join(model, 'dump.json'), join(model, 'dump', 'model.json'));
        forms.push(join(model, 'dump'));
      } else {
        forms.push(join(model, 'binary'));
      }
      for (const form of forms) {
        const session = await open(form);
        const lacking = unpaired(session, frame);
        if (lacking.length === 0) await checkFrame(session, frame);
        if (lacking.length === 0 && form === model) whole++;
        const told = await open(form, declared);
        assert.deepEqual(unpaired(told, frame), []);
        await checkFrame(told, frame);
        await Promise.all([session.close(), told.close()]);
      }
    });
  }
  t.diagnostic(`${whole} of ${names.length} files tell the categories of all their columns`);
  assert.ok(whole > names.length / 8, 'few files tell the categories of all their columns');
});
