/**
 * Callers who send a sidecar rows of all lengths side by side, and count its wrong answers: those that are others than what
 * the runtime alone answers to the same row.
 *
 * Rows come in waves, so that runs are padded to many lengths: the longest row of a wave is about the length that matters, or
 * the longest that the model takes, or any.
 */
import { join } from 'node:path';
import type { ModelsReport, SignatureReport } from '../../../../src/admin/models-report.ts';
import { SeededRandom } from '../../../../src/core/repeatable/seeded-random.ts';
import type { GraphModel } from '../../../support/onnx-graph.ts';
import { writeSentenceModel } from '../../../support/sentence-models.ts';
import { type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { until } from '../../../support/turns.ts';
import {
  type Answer,
  MASKS,
  relativeError,
  type SequenceRow,
  SequenceSession,
  sequenceRow,
} from './sequence-session.ts';

const CALLERS = 32;
const WAVE = 32;
/** Of the output's largest number. */
const TOLERANCE = 1e-4;

type PaddingReport = NonNullable<SignatureReport['padding']>;

export interface SequenceModel {
  readonly name: string;
  readonly graph: GraphModel;
}

/** Serves the models from the directory, with padding wished for. */
export function serveSequences(directory: string, models: readonly SequenceModel[]): Promise<Sidecar> {
  const flags = models.map(({ name, graph }) => {
    writeSentenceModel(join(directory, name), graph);
    return `--model=${name}=${join(directory, name)}`;
  });
  return startSidecar([...flags, '--pad_variable_length_inputs', '--num_batch_threads=1']);
}

const RUNNING = /still runs|so far$/;

/** The padding of the model, once no proof of it runs any more; off with the batch axis' reason where it has none. */
export async function provedPadding({ admin }: Sidecar, model: string): Promise<PaddingReport> {
  let found: PaddingReport | undefined;
  await until(async () => {
    const report = (await (await fetch(`${admin}/models`)).json()) as ModelsReport;
    const signature = report.models.find(({ name }) => name === model)!.versions[0]!.signatures![0]!;
    const { padding, batch_axis: axis, reason = '' } = signature;
    if (padding !== undefined && !RUNNING.test(padding.reason)) found = padding;
    else if (axis === 'none' && !RUNNING.test(reason))
      found = { is_on: false, up_to: 0, reason: `no batch axis: ${reason}` };
    return found !== undefined;
  });
  return found!;
}

/** Rows of 1 to `most` tokens in waves about the length `about`. */
export function mixedRows(count: number, about: number, most: number, seed: number): readonly SequenceRow[] {
  const random = new SeededRandom(seed);
  const below = (end: number): number => Math.floor(random.uniform() * end);
  const longest = (wave: number): number => {
    const tops = [about, most, 1 + below(most), about + 8, about - 1, about + 1];
    return Math.min(most, Math.max(1, tops[wave % tops.length]!));
  };
  const rows: SequenceRow[] = [];
  for (let top = 1; rows.length < count; ) {
    if (rows.length % WAVE === 0) top = longest(rows.length / WAVE);
    const length = random.uniform() < 0.25 ? top : 1 + below(top);
    rows.push(sequenceRow(length, MASKS[below(MASKS.length)]!, below(1000)));
  }
  return rows;
}

/** Rows of each length from a few below `about` to a few above it. */
export function rowsAbout(about: number, most: number): readonly SequenceRow[] {
  const rows: SequenceRow[] = [];
  for (let length = Math.max(1, about - 4); length <= Math.min(most, about + 3); length++)
    for (const mask of MASKS) rows.push(sequenceRow(length, mask, length));
  return rows;
}

/** The answers to all rows, in their order; 32 callers send them, each the next as soon as it has an answer. */
export async function askAll(
  { rest }: Sidecar,
  model: SequenceModel,
  rows: readonly SequenceRow[],
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const call = async (): Promise<void> => {
    while (next < rows.length) {
      const at = next;
      next += 1;
      answers[at] = await ask(rest, model, rows[at]!);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  return answers;
}

async function ask(rest: string, { name, graph }: SequenceModel, { ids, mask }: SequenceRow): Promise<Answer> {
  const isMasked = 'attention_mask' in graph.inputs;
  const inputs = { input_ids: [ids], ...(isMasked && { attention_mask: [mask] }) };
  const answer = await fetch(`${rest}/v1/models/${name}:predict`, { method: 'POST', body: JSON.stringify({ inputs }) });
  const { outputs, error } = (await answer.json()) as { outputs: Record<string, number[]>; error?: string };
  if (error !== undefined) throw new Error(`${name}, ${ids.length} tokens: ${error}`);
  return flat(outputs);
}

/** The answers to the rows of one request. */
export async function askTogether(
  { rest }: Sidecar,
  { name }: SequenceModel,
  rows: readonly SequenceRow[],
): Promise<readonly Answer[]> {
  const instances = rows.map(({ ids, mask }) => ({ input_ids: ids, attention_mask: mask }));
  const body = JSON.stringify({ instances });
  const answer = await fetch(`${rest}/v1/models/${name}:predict`, { method: 'POST', body });
  const { predictions, error } = (await answer.json()) as { predictions: Record<string, number[]>[]; error?: string };
  if (error !== undefined) throw new Error(`${name}, ${rows.length} rows of one request: ${error}`);
  return predictions.map(flat);
}

/** The numbers of each output, in order. */
function flat(outputs: Readonly<Record<string, readonly unknown[]>>): Answer {
  return Object.fromEntries(Object.entries(outputs).map(([name, nested]) => [name, nested.flat(3) as number[]]));
}

/** One text for each answer that is wrong. */
export async function wrongAnswers(
  { graph }: SequenceModel,
  rows: readonly SequenceRow[],
  answers: readonly Answer[],
): Promise<readonly string[]> {
  const alone = await SequenceSession.open(graph);
  const wrong: string[] = [];
  for (const [i, row] of rows.entries()) {
    const error = relativeError(await alone.run(row), answers[i]!);
    if (!(error <= TOLERANCE)) wrong.push(`${row.ids.length} tokens: off by ${error.toPrecision(2)}`);
  }
  await alone.close();
  return wrong;
}

/** The runs of the model until now. */
export async function runsOf(sidecar: Sidecar, model: string): Promise<number> {
  const page = await (await fetch(`${sidecar.admin}/metrics`)).text();
  const counts = page.matchAll(new RegExp(`^pillion_batch_size_count\\{[^}]*model="${model}"[^}]*\\} (\\d+)`, 'gm'));
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
