/** Runs rows of a graph together and alone on the real runtime, and tells where an output of a row differs. */
import { InferenceSession, type OrtTensors } from '../../src/internals/ort-library.ts';
import { Draw, mixedSeed } from './draw.ts';
import type { DrawnGraph } from './draw-graph.ts';
import { ROWS } from './graph-draft.ts';
import { companyOf } from './row-inputs.ts';
import { isCloseRow, isSameRow, type Magnitudes, magnitudesOf, type RowOutput, rowAt, shown } from './row-output.ts';

/** `refused`: the runtime does not run it, or not all of the runs. */
export type Comparison =
  | { readonly outcome: 'same' | 'unstable' }
  | { readonly outcome: 'refused' | 'wrong'; readonly says: string };

/** The outputs of one row, in the order of the graph's. */
type RowOutputs = readonly RowOutput[];

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
  const mayOrderNaN = graph.ops.some((op) => LARGEST.includes(op));
  const runs: Runs = {
    mayOrderNaN,
    isFixed: graph.isFixed,
    run: (rows, nudge) => rowsOf(session, graph, companyOf(graph, seed, rows, nudge), rows),
  };
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

/** ONNX Runtime finds the largest of numbers and NaN in another way at other places, whatever the other rows are. */
const LARGEST = ['Hardmax', 'ReduceMax', 'ReduceMin'];

interface Runs {
  /** It has one of those ops. */
  readonly mayOrderNaN: boolean;
  readonly isFixed: boolean;
  run(rows: readonly number[], nudge?: number): Promise<readonly RowOutputs[]>;
}

type AllMagnitudes = readonly Magnitudes[];

function isOther(wanted: RowOutputs, found: RowOutputs, magnitudes: AllMagnitudes = []): boolean {
  return wanted.some((output, i) => !isSameRow(output, found[i]!, magnitudes[i]));
}

/**
 * Whether a row of another result only shows how the runtime rounds: among others in the same places it gives the same
 * bits, and either integers and texts differ by no more than floats may, or inputs that differ by little more than a
 * rounding change its results too, or the largest may be that of NaN.
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
  if (runs.mayOrderNaN) return true;
  if (wanted.every((output, i) => isCloseRow(output, found[i]!, magnitudes[i]))) return true;
  // Sums of one row may be rounded alike where those of several are not.
  const places = runs.isFixed ? [others] : [others, [row]];
  for (const company of places) {
    const plain = (await runs.run(company))[company.indexOf(row)]!;
    for (const nudge of [2e-7, -2e-7, 1e-6, -1e-6]) {
      const nudged = (await runs.run(company, nudge))[company.indexOf(row)]!;
      if (isOther(plain, nudged, magnitudes)) return true;
    }
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

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').slice(0, 200);
}
