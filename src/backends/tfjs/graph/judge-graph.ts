/**
 * Whether a GraphDef keeps the rows of a signature apart: row i of every output depends on row i of the inputs alone. It
 * is decided from the file, without TensorFlow, as for ONNX graphs (docs/adr/0027): each value is the same for all
 * requests, or has the rows on one axis, or is lost.
 *
 * Dims beside the batch axis are unknown but equal for all rows, as the scheduler sees to.
 */
import type { BatchAxes } from '../../../core/signature.ts';
import type { RowVerdict } from '../../backend.ts';
import { UndecidedModel } from '../../graph/limits.ts';
import { Fork } from '../../graph/node-call.ts';
import { outputVerdict, type Verdict, worstOf } from '../../graph/output-verdict.ts';
import { BATCH, dimSymbol, type Size, sizeOf } from '../../graph/size.ts';
import { plainAxis, rows, same, type Value } from '../../graph/value.ts';
import type { TfGraph } from './tf-graph.ts';
import { TfWalk } from './tf-walk.ts';

/** A tensor of a signature: the graph's name for it, "node:index", and its declared dims; −1 = any size. */
export interface JudgedTensor {
  readonly tensorName: string;
  readonly shape: readonly number[] | undefined;
}

/** By the signature's names. */
export interface JudgedSignature {
  readonly inputs: ReadonlyMap<string, JudgedTensor>;
  readonly outputs: ReadonlyMap<string, JudgedTensor>;
}

/** Conditions that may be assumed; the graph is followed up to twice as often for each. */
const MOST_ASSUMED = 4;

/** Never rejects: a graph that cannot be followed is undecided. An output without a batch axis is mixed. */
export async function judgeTfGraph(
  graph: TfGraph,
  signature: JudgedSignature,
  axes: BatchAxes = new Map(),
): Promise<RowVerdict> {
  const batch = batchOf(signature, axes);
  if (batch === undefined) return { kind: 'undecided', reason: 'its inputs have different fixed numbers of rows' };
  try {
    const verdict = await judgeAssuming(new Map(), { graph, signature, axes, batch });
    return verdict.kind === 'fails' ? { kind: 'undecided', reason: verdict.reason } : verdict;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'undecided', reason: error instanceof UndecidedModel ? reason : `it cannot be read: ${reason}` };
  }
}

interface Judged {
  readonly graph: TfGraph;
  readonly signature: JudgedSignature;
  readonly axes: BatchAxes;
  readonly batch: Size;
}

/** Follows the graph once, or again for both values of each condition that is not known but the same for all rows. */
async function judgeAssuming(assumed: ReadonlyMap<string, boolean>, judged: Judged): Promise<Verdict> {
  const { graph, signature, axes, batch } = judged;
  const walk = new TfWalk(graph, batch, assumed);
  const fed = [...signature.inputs].map(([name, tensor]) => {
    return [keyOf(tensor), inputValue(name, tensor, axes.get(name) ?? 0, batch, walk)] as const;
  });
  const outputs = [...signature.outputs];
  try {
    const values = await walk.run(
      new Map(fed),
      outputs.map(([, tensor]) => keyOf(tensor)),
    );
    const worst = worstOf(outputs.map(([name], i) => outputVerdict(name, values[i], axes.get(name) ?? 0)));
    if (worst.kind !== 'rows') return worst;
    return { kind: 'rows', reason: `each of its ${walk.followed} nodes keeps the rows apart` };
  } catch (error) {
    if (!(error instanceof Fork)) throw error;
    if (assumed.size === MOST_ASSUMED) return { kind: 'undecided', reason: 'it has more branches than are followed' };
    const verdicts: Verdict[] = [];
    for (const value of [true, false]) {
      verdicts.push(await judgeAssuming(new Map(assumed).set(error.condition.key, value), judged));
    }
    return worstOf(verdicts);
  }
}

function keyOf({ tensorName }: JudgedTensor): string {
  return tensorName.includes(':') ? tensorName : `${tensorName}:0`;
}

/** The number of rows; undefined if the inputs do not agree. */
function batchOf({ inputs }: JudgedSignature, axes: BatchAxes): Size | undefined {
  const sizes = new Set<number | undefined>();
  for (const [name, { shape }] of inputs) {
    const axis = axes.get(name) ?? 0;
    if (axis !== 'same') sizes.add(shape?.[axis]);
  }
  const [first] = sizes;
  if (sizes.size > 1) return undefined;
  return first === undefined || first < 0 ? BATCH : sizeOf(first);
}

function inputValue(name: string, { shape }: JudgedTensor, axis: number | 'same', batch: Size, walk: TfWalk): Value {
  const sizes = shape?.map((dim) => (dim < 0 ? dimSymbol(walk.nextName()) : sizeOf(dim)));
  if (axis === 'same') return same(sizes);
  if (sizes?.[axis] !== undefined) return rows(sizes.with(axis, batch), plainAxis(axis));
  const why = sizes === undefined ? 'has any rank' : `has no dim ${axis}`;
  return { kind: 'lost', verdict: 'undecided', reason: `input "${name}" ${why}` };
}
