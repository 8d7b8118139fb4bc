/**
 * Models of packages that others published, each served by a sidecar of its own to 32 callers, against the runtime
 * alone. models.ts lists them, compare.ts says which answers are right. The table at the end is that of
 * docs/results/zoo.md.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { after, afterEach, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { processTree, residentBytesOf } from '../../bench/support/process-tree.ts';
import type { ModelReport } from '../../src/admin/models-report.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { killSidecars, type Sidecar, startSidecar } from '../support/sidecar.ts';
import { MetricsPage } from '../support/surface-sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { Callers, type Question, WIDE_LIMITS } from './callers.ts';
import { Bounds, batchArithmetic } from './compare.ts';
import { askTogether, CALLERS, type Tally } from './crowd.ts';
import { ZOO } from './models.ts';
import { randomFrom } from './other-rows.ts';
import { print } from './print.ts';
import { openOnnx, type RuntimeAlone } from './runtime-alone.ts';
import { openTensorflow } from './tensorflow-alone.ts';
import type { ZooModel } from './zoo-model.ts';

/** Where scripts/lib/suites.mjs has put the files. */
const FILES = process.env['PILLION_TEST_ZOO']!;
const HUMAN = join(process.env['PILLION_TEST_HUMAN']!, 'node_modules', '@vladmandic', 'human', 'models');
const QUESTIONS = 16;
/** A stream's requests. */
const STREAM = 8;
const ROUNDS = 1;
const TRAFFIC_MS = 4000;
const ARITHMETIC_MS = 10_000;
/** A proof takes as long at most, and twice that in pauses. */
const PROOF_MS = 180_000;
const LOOK_AGAIN_MS = 200;
const MIB = 2 ** 20;

const lines: string[] = [
  '| package | model | kind | batch axis | rows a run | requests | equal | wrong | failed | RSS, MiB |',
  '|---|---|---|---|---|---|---|---|---|---|',
];

afterEach(killSidecars);
after(() => print(`\n${lines.join('\n')}`));

for (const model of ZOO) it(model.name, { timeout: 300_000 }, (t) => check(model, tempDirectory(t)));

async function check(model: ZooModel, directory: string): Promise<void> {
  const version = place(model, directory);
  const runtime = await (model.file.endsWith('.onnx')
    ? openOnnx(join(version, 'model.onnx'))
    : openTensorflow(version));
  const questions = await prepare(model, runtime);
  const sidecar = await startSidecar([`--model=${model.name}=${directory}`, '--intra_op_threads=1', ...WIDE_LIMITS]);
  await proofEnds(sidecar, model.name);
  const callers = new Callers(sidecar);
  const tally = await askTogether(callers, model.name, questions, ROUNDS, Date.now() + TRAFFIC_MS);
  callers.close();
  const seen = await look(sidecar, model.name);
  assert.equal(await sidecar.stop(), 0);
  const bounds = await boundsOf(model, runtime, questions, tally);
  await runtime.close();
  report(model, seen, tally, bounds);
}

/** Makes the version's directory of links; returns it. */
function place(model: ZooModel, directory: string): string {
  const { file } = model;
  const version = join(directory, '1');
  const source = join(FILES, file);
  if (existsSync(join(source, 'saved_model.pb'))) {
    symlinkSync(source, version);
    return version;
  }
  mkdirSync(version);
  if (model.isDeclared) writeFileSync(join(version, 'pillion.yaml'), declarationOf(model));
  if (file.endsWith('.onnx')) symlinkSync(source, join(version, 'model.onnx'));
  else {
    // Of TensorFlow.js: NAME.json and NAME.bin.
    const weights = file.replace(/json$/, 'bin');
    symlinkSync(join(HUMAN, file), join(version, 'model.json'));
    symlinkSync(join(HUMAN, weights), join(version, weights));
  }
  return version;
}

/** The pillion.yaml that says where the rows are. */
function declarationOf({ axes = {}, inputs: made }: ZooModel): string {
  const names = Object.keys(made(randomFrom(1)));
  const declared = Object.entries(axes).map(([name, axis]): [string, { batch?: 'same'; batch_axis?: number }] => [
    name,
    axis === 'same' ? { batch: axis } : { batch_axis: axis },
  ]);
  const inputs = Object.fromEntries(declared.filter(([name]) => names.includes(name)));
  const outputs = Object.fromEntries(declared.filter(([name, { batch }]) => !names.includes(name) && batch !== 'same'));
  // JSON is YAML.
  return JSON.stringify({ batching: { inputs, outputs } });
}

/** Resolves when it is known whether the model is batched: calls while it is not would show less. */
async function proofEnds({ admin }: Sidecar, name: string): Promise<void> {
  const isRunning = async (): Promise<boolean> => {
    const { versions } = (await (await fetch(`${admin}/models/${name}`)).json()) as ModelReport;
    return versions[0]!.signatures!.some(({ reason }) => reason === 'the proof still runs');
  };
  const until = Date.now() + PROOF_MS;
  while (Date.now() < until && (await isRunning())) await delay(LOOK_AGAIN_MS);
}

/** Requests and what the runtime alone answers to each. */
async function prepare({ inputs, state = {} }: ZooModel, runtime: RuntimeAlone): Promise<readonly Question[]> {
  const random = randomFrom(2);
  const questions: Question[] = [];
  for (let i = 0; i < QUESTIONS; i++) {
    const feeds = new Map<string, Tensor>(Object.entries(inputs(random)));
    const before = questions.at(-1)?.expected;
    if (before !== undefined && i % STREAM !== 0) {
      for (const [output, input] of Object.entries(state)) feeds.set(input, before.get(output)!);
    }
    questions.push({ inputs: feeds, expected: await runtime.run(feeds as TensorMap) });
  }
  return questions;
}

interface Seen {
  readonly axis: string;
  readonly rowsPerRun: number;
  readonly residentBytes: number;
}

async function look({ admin, process: { pid } }: Sidecar, name: string): Promise<Seen> {
  const { versions } = (await (await fetch(`${admin}/models/${name}`)).json()) as ModelReport;
  const { batch_axis: kind, reason } = versions[0]!.signatures![0]!;
  const page = new MetricsPage(await (await fetch(`${admin}/metrics`)).text());
  const { rows, runs } = page.ran(name);
  return {
    axis: reason === undefined ? kind : `${kind}: ${reason}`,
    rowsPerRun: rows / runs,
    residentBytes: residentBytesOf(processTree(pid!)),
  };
}

async function boundsOf(
  { axes = {}, isWhole }: ZooModel,
  runtime: RuntimeAlone,
  questions: readonly Question[],
  { different }: Tally,
): Promise<Bounds> {
  if (different.length === 0 || isWhole) return new Bounds(questions);
  return batchArithmetic(runtime, questions, axes, Date.now() + ARITHMETIC_MS);
}

function report({ name, package: from, kind }: ZooModel, seen: Seen, tally: Tally, bounds: Bounds): void {
  const { requests, equal, different, failures } = tally;
  const wrong = different.filter((found) => !bounds.allow(found));
  const within = different.length - wrong.length;
  const equalText = within === 0 ? `${equal}` : `${equal}, ${within} within ${bounds.largest.toPrecision(2)}`;
  const cells = [from, name, kind, seen.axis, seen.rowsPerRun.toFixed(1), requests, equalText];
  cells.push(wrong.length, failures.length, Math.round(seen.residentBytes / MIB));
  lines.push(`| ${cells.join(' | ')} |`);
  print(lines.at(-1)!);
  assert.ok(requests >= ROUNDS * CALLERS);
  const largest = Math.max(0, ...wrong.flatMap((found) => [...found.values()]));
  assert.equal(failures.length, 0, `${failures.length} of ${requests} requests failed: ${failures[0]}`);
  assert.equal(wrong.length, 0, `${wrong.length} of ${requests} answers are wrong, by up to ${largest}`);
}
