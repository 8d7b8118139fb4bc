/** Runs rows of a graph together and alone on the real runtime, and tells where an output of a row differs. */
import { Buffer } from 'node:buffer';
import type { DType } from '../../src/core/dtype.ts';
import type { Tensor as CoreTensor } from '../../src/core/tensor.ts';
import { type Magnitudes, magnitudesOf, rowDifference } from '../../src/features/row-proofs/row-difference.ts';
import { InferenceSession, type OrtTensors, type Tensor } from '../../src/internals/ort-library.ts';
import { Draw, mixedSeed } from './draw.ts';
import type { DrawnGraph } from './draw-graph.ts';
import { ROWS } from './graph-draft.ts';
import { companyOf } from './row-inputs.ts';

/** `refused`: the runtime does not run it, or not all of the runs. */
export type Comparison =
  | { readonly outcome: 'same' | 'unstable' }
  | { readonly outcome: 'refused' | 'wrong'; readonly says: string };

/** The outputs of one row, in the order of the graph's. */
type RowOutputs = readonly CoreTensor[];

class Refused extends Error {}

export async function compareRows(graph: DrawnGraph, seed: number): Promise<Comparison> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(graph.bytes, {
      logSeverityLevel: 4,
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    });
  } catch (error) {
    return { outcome: 'refused', says: `load: ${messageOf(error)}` };
  }
  try {
    return await compareRuns(session, graph, seed);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { outcome: 'refused', says: error.message };
  } finally {
    await session.release();
  }
}

/** Each company as numbers of rows; a row that is among the first ROWS must give what it gives there. */
function companies(graph: DrawnGraph, seed: number): readonly (readonly number[])[] {
  const draw = new Draw(mixedSeed(seed, -3));
  const others = (count: number) => Array.from({ length: count }, () => ROWS + draw.below(20));
  if (graph.isFixed) {
    const moved = draw.shuffled([...Array(ROWS).keys()]);
    return [moved, [0, ...others(ROWS - 2), 1], [...others(3), 2, ...others(ROWS - 4)]];
  }
  const alone = draw
    .shuffled([...Array(ROWS).keys()])
    .slice(0, 3)
    .map((row) => [row]);
  const [first, second] = [draw.below(ROWS), draw.below(ROWS)];
  const sizes = draw.pick([0, 1, 3, 6, 15]);
  return [...alone, [...others(1), first], [second, ...others(sizes), first, ...others(1)]];
}

async function compareRuns(session: InferenceSession, graph: DrawnGraph, seed: number): Promise<Comparison> {
  const all = [...Array(ROWS).keys()];
  const runs: Runs = { run: (rows, nudge) => rowsOf(session, graph, companyOf(graph, seed, rows, nudge), rows) };
  const together = await runs.run(all);
  const again = await runs.run(all);
  // Memory that nothing was written to, as of a product over no elements.
  if (together.some((row, at) => isOther(row, again[at]!))) return { outcome: 'unstable' };
  const magnitudes = graph.outputs.map((_, i) => magnitudesOf(together.map((row) => row[i]!)));
  for (const company of companies(graph, seed)) {
    const found = await runs.run(company);
    for (const [place, row] of company.entries()) {
      if (row >= ROWS || !isOther(together[row]!, found[place]!, magnitudes)) continue;
      if (await isRounding(runs, together[row]!, found[place]!, row, magnitudes)) return { outcome: 'unstable' };
      const says = `row ${row} is ${shown(together[row]!)} among ${ROWS}, ${shown(found[place]!)} at ${place} of [${company}]`;
      return { outcome: 'wrong', says };
    }
  }
  return { outcome: 'same' };
}

/** Whether numbers, also those of texts, are the same but for a rounding of float32. */
function isClose(wanted: CoreTensor, found: CoreTensor, magnitudes: Magnitudes): boolean {
  if (rowDifference(wanted, found, magnitudes) === 0) return true;
  const [numbers, others] = [wanted, found].map((tensor) => textsOf(tensor).map((text) => Number.parseFloat(text)));
  return (
    numbers!.length === others!.length &&
    numbers!.every((number, i) => Math.abs(number - others![i]!) <= 1e-5 * Math.max(0.1, Math.abs(number)))
  );
}

interface Runs {
  run(rows: readonly number[], nudge?: number): Promise<readonly RowOutputs[]>;
}

type AllMagnitudes = readonly Magnitudes[];

function isOther(wanted: RowOutputs, found: RowOutputs, magnitudes: AllMagnitudes = []): boolean {
  return wanted.some((output, i) => rowDifference(output, found[i]!, magnitudes[i]) !== 0);
}

/**
 * Whether a row of another result only shows how the runtime rounds: among others in the same places it gives the same
 * bits, and either integers and texts differ by no more than floats may, or inputs that differ by little more than a
 * rounding change its results too.
 */
async function isRounding(
  runs: Runs,
  wanted: RowOutputs,
  found: RowOutputs,
  row: number,
  magnitudes: AllMagnitudes,
): Promise<boolean> {
  const others = Array.from({ length: ROWS }, (_, place) => (place === row ? row : ROWS + 40 + place));
  if (isOther(wanted, (await runs.run(others))[row]!)) return false;
  if (wanted.every((output, i) => isClose(output, found[i]!, magnitudes[i]))) return true;
  for (const nudge of [2e-7, -2e-7, 1e-6, -1e-6]) {
    if (isOther(wanted, (await runs.run(others, nudge))[row]!, magnitudes)) return true;
  }
  return false;
}

async function rowsOf(
  session: InferenceSession,
  graph: DrawnGraph,
  inputs: OrtTensors,
  rows: readonly number[],
): Promise<readonly RowOutputs[]> {
  let outputs: OrtTensors;
  try {
    outputs = await session.run(inputs);
  } catch (error) {
    throw new Refused(`${rows.length} rows: ${messageOf(error)}`);
  }
  return rows.map((_, place) => graph.outputs.map(({ name, axis }) => rowAt(outputs[name]!, axis, place, rows.length)));
}

/** The elements of one place of an axis. An output that cannot be cut there is given as a whole, as no row is. */
function rowAt(output: Tensor, axis: number, place: number, count: number): CoreTensor {
  const dtype = output.type as DType;
  const isCut = output.dims[axis] === count;
  const inner = isCut ? output.dims.slice(axis + 1).reduce((a, b) => a * b, 1) : 1;
  // Without elements there is nothing to be mixed: a loop of no rounds gives no dims of the rows.
  const isEmpty = output.dims.includes(0);
  const shape = isEmpty ? [0] : isCut ? output.dims.with(axis, 1) : [...output.dims, count];
  const isOfRow = (i: number) => !isCut || Math.floor(i / inner) % count === place;
  if (dtype === 'string') {
    const texts = (output.data as readonly string[]).filter((_, i) => isOfRow(i));
    return { dtype, shape, data: texts.map((text) => Buffer.from(text)) };
  }
  const data = (output.data as Float32Array).filter((_, i) => isOfRow(i));
  return { dtype, shape, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength) };
}

function shown(row: RowOutputs): string {
  return row.map(shownTensor).join(' and ');
}

function shownTensor(tensor: CoreTensor): string {
  const values = textsOf(tensor);
  return `${tensor.dtype}[${tensor.shape}] {${values.slice(0, 12).join(' ')}}`;
}

function textsOf({ dtype, data }: CoreTensor): readonly string[] {
  if (dtype === 'string') return (data as readonly Uint8Array[]).map((text) => Buffer.from(text).toString());
  const { buffer, byteOffset } = data as Buffer;
  const bytes = buffer.slice(byteOffset, byteOffset + (data as Buffer).byteLength);
  if (dtype === 'float32') return [...new Float32Array(bytes)].map(String);
  if (dtype === 'float64') return [...new Float64Array(bytes)].map(String);
  if (dtype === 'int64') return [...new BigInt64Array(bytes)].map(String);
  if (dtype === 'int32') return [...new Int32Array(bytes)].map(String);
  return [...new Uint8Array(bytes)].map(String);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').slice(0, 200);
}
