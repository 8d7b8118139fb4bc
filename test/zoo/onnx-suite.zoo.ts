/**
 * The models of the onnx package's backend suite, all served by one sidecar, against ONNX Runtime alone.
 *
 *   first    each model as it is; its own inputs over gRPC and over REST; equal bit for bit
 *   rows     dim 0 of every input and output made free: where the server calls that a batch, 32 callers with rows of
 *            their own get no answer that the runtime alone would not give
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { afterEach, it } from 'node:test';
import type { ModelReport } from '../../src/admin/models-report.ts';
import type { TensorMap } from '../../src/core/tensor.ts';
import { killSidecars } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { Callers, type Question, SURFACES, type Surface } from './callers.ts';
import { batchArithmetic, differences } from './compare.ts';
import { askTogether, CALLERS } from './crowd.ts';
import { modelFile, readCases, serveAll } from './onnx-cases.ts';
import { otherRows, randomFrom } from './other-rows.ts';
import { print } from './print.ts';
import { openOnnx, type RuntimeAlone } from './runtime-alone.ts';

/** Different requests of a crowd, of 1 to MOST_ROWS rows. */
const QUESTIONS = 12;
const MOST_ROWS = 4;
const ROUNDS = 2;
/** Of 1,755. The others need types that the server lacks, or what ONNX Runtime lacks; 8 of them a certain locale. */
const LOADED = 1507;
const ARITHMETIC_MS = 2000;

afterEach(killSidecars);

/** Names by what became of them. */
class Lists {
  readonly #lists = new Map<string, string[]>();

  add(list: string, name: string): void {
    this.#lists.set(list, [...(this.#lists.get(list) ?? []), name]);
  }

  get(list: string): readonly string[] {
    return this.#lists.get(list) ?? [];
  }

  /** Each list's length; its names where there are few, or all matter. */
  print(title: string, inFull: RegExp): void {
    print(`\n${title}`);
    for (const [list, names] of [...this.#lists].sort(([a], [b]) => (a < b ? -1 : 1))) {
      print(`  ${String(names.length).padStart(5)}  ${list}${inFull.test(list) ? `: ${names.join(', ')}` : ''}`);
    }
  }
}

/** A loaded model's batch axis; otherwise undefined, and the reason is listed. */
function axisOf({ name, versions: [version] }: ModelReport, lists: Lists): string | undefined {
  if (version?.state === 'AVAILABLE') {
    lists.add('loaded', name);
    return version.signatures![0]!.batch_axis;
  }
  lists.add(`refused: ${reasonOf(version?.error?.message ?? '')}`, name);
  return undefined;
}

/** Without the model's own names, types and numbers. */
function reasonOf(text: string): string {
  return text
    .replace(/^"[^"]*": /, '')
    .replace(/"[^"]*"|'[^']*'/g, '…')
    .replace(/(float|type|training:)\w+|\b\w+\(-?\d+\)|\d+/g, '$1…')
    .slice(0, 80);
}

function showProgress(done: number, all: number): void {
  if (done % 100 === 0) print(`${done} of ${all} models`);
}

/** JSON's lists do not tell a shape with a 0 before another dim. */
function isTold(tensors: TensorMap): boolean {
  return [...tensors.values()].every(({ shape }) => !shape.slice(0, -1).includes(0));
}

function cannotBeSent(surface: Surface, { inputs, expected }: Question): string | undefined {
  if (surface === 'gRPC') return undefined;
  if (inputs.size === 0) return 'no inputs';
  return isTold(inputs) && isTold(expected) ? undefined : 'a zero-sized dim before another';
}

async function answerOf(runtime: RuntimeAlone, inputs: TensorMap): Promise<TensorMap | undefined> {
  return runtime.run(inputs).catch(() => undefined);
}

it('answers what ONNX Runtime alone answers', async (t) => {
  const cases = readCases();
  const lists = new Lists();
  const { sidecar, models } = await serveAll(
    'first',
    cases.map(({ name }) => name),
    tempDirectory(t),
  );
  const callers = new Callers(sidecar);
  for (const [i, report] of models.entries()) {
    showProgress(i, models.length);
    if (axisOf(report, lists) === undefined) continue;
    const { name } = report;
    const { sets, unread } = cases.find((each) => each.name === name)!;
    if (unread !== undefined) lists.add(`inputs not read: ${unread}`, name);
    const runtime = await openOnnx(modelFile('first', name));
    for (const inputs of sets) await checkSet(callers, runtime, name, inputs, lists);
    await runtime.close();
  }
  callers.close();
  lists.print('The backend suite as it is', /wrong|failed|not sent|alone|not read/);
  assert.equal(await sidecar.stop(), 0);
  assert.ok(lists.get('loaded').length >= LOADED, 'fewer models than usual were loaded');
  for (const surface of SURFACES) {
    assert.deepEqual(lists.get(`${surface}: wrong`), []);
    assert.deepEqual(lists.get(`${surface}: failed`), []);
  }
});

async function checkSet(
  callers: Callers,
  runtime: RuntimeAlone,
  name: string,
  inputs: TensorMap,
  lists: Lists,
): Promise<void> {
  const expected = await answerOf(runtime, inputs);
  if (expected === undefined) return lists.add('fails in the runtime alone', name);
  const again = await answerOf(runtime, inputs);
  if (differences(expected, again!).size > 0) return lists.add('random in the runtime alone', name);
  for (const surface of SURFACES) {
    const question = { inputs, expected };
    const lacking = cannotBeSent(surface, question);
    if (lacking !== undefined) {
      lists.add(`${surface}: not sent: ${lacking}`, name);
      continue;
    }
    try {
      const answer = await callers.call(surface, name, question);
      lists.add(`${surface}: ${differences(expected, answer).size === 0 ? 'equal' : 'wrong'}`, name);
    } catch (error) {
      lists.add(`${surface}: failed`, `${name} (${(error as Error).message.slice(0, 200)})`);
    }
  }
}

it('mixes no rows of different callers', async (t) => {
  const cases = readCases().filter(({ sets }) => sets.length > 0);
  const lists = new Lists();
  const named = cases.filter(({ name }) => existsSync(modelFile('rows', name)));
  const { sidecar, models } = await serveAll(
    'rows',
    named.map(({ name }) => name),
    tempDirectory(t),
  );
  const callers = new Callers(sidecar);
  for (const [i, report] of models.entries()) {
    showProgress(i, models.length);
    const axis = axisOf(report, lists);
    if (axis === undefined) continue;
    lists.add(`batch axis: ${axis}`, report.name);
    if (axis === 'none') continue;
    await checkRows(callers, report.name, named.find(({ name }) => name === report.name)!.sets[0]!, lists);
  }
  callers.close();
  lists.print('The backend suite with a free dim 0', /wrong|failed|answered/);
  assert.equal(await sidecar.stop(), 0);
  assert.deepEqual(lists.get('wrong'), []);
  assert.deepEqual(lists.get('answered what the runtime alone refuses'), []);
  assert.deepEqual(lists.get('failed'), []);
});

async function checkRows(callers: Callers, name: string, set: TensorMap, lists: Lists): Promise<void> {
  const runtime = await openOnnx(modelFile('rows', name));
  const random = randomFrom(1);
  const questions: Question[] = [];
  const refused: TensorMap[] = [];
  for (let i = 0; i < QUESTIONS; i++) {
    const inputs = otherRows(set, 1 + (i % MOST_ROWS), random);
    const expected = await answerOf(runtime, inputs);
    if (expected === undefined) refused.push(inputs);
    else questions.push({ inputs, expected });
  }
  if (questions.length === 0) lists.add('the runtime alone takes no other rows', name);
  else if (await isRandom(runtime, questions[0]!)) lists.add('random in the runtime alone', name);
  else await checkCrowd(callers, runtime, name, questions, lists);
  const answered = await Promise.allSettled(
    refused.map((inputs) => callers.call('gRPC', name, { inputs, expected: new Map() })),
  );
  if (answered.some(({ status }) => status === 'fulfilled')) lists.add('answered what the runtime alone refuses', name);
  await runtime.close();
}

async function isRandom(runtime: RuntimeAlone, { inputs, expected }: Question): Promise<boolean> {
  return differences(expected, await runtime.run(inputs)).size > 0;
}

async function checkCrowd(
  callers: Callers,
  runtime: RuntimeAlone,
  name: string,
  questions: readonly Question[],
  lists: Lists,
): Promise<void> {
  const { different, failures } = await askTogether(callers, name, questions, ROUNDS);
  if (failures.length > 0) print(`failed: ${name}, ${failures[0]}`);
  if (failures.length > 0) lists.add('failed', `${name} (${failures.length}: ${failures[0]!.slice(0, 200)})`);
  if (different.length === 0) return lists.add('crowd: equal', name);
  const bounds = await batchArithmetic(runtime, questions, {}, Date.now() + ARITHMETIC_MS);
  const wrong = different.filter((found) => !bounds.allow(found));
  if (wrong.length === 0) return lists.add("crowd: within the runtime's own batch arithmetic", name);
  const largest = Math.max(...wrong.flatMap((found) => [...found.values()]));
  print(`wrong: ${name}, ${JSON.stringify([...wrong[0]!])}`);
  lists.add('wrong', `${name} (${wrong.length} of ${ROUNDS * CALLERS}, by ${largest.toPrecision(2)})`);
}
