/**
 * Whether the graph of an ONNX model keeps the rows of a batch apart: row i of every output depends on row i of the
 * inputs alone, whatever the other rows hold and however many there are. It is decided from the file, without running
 * the model or loading a runtime: docs/adr/0027 tells how.
 *
 * Dims beside the batch axis are unknown but equal for all rows, as the scheduler sees to.
 */
import type { Buffer } from 'node:buffer';
import type { BatchAxes } from '../../../core/signature.ts';
import type { RowVerdict } from '../../backend.ts';
import type { GraphProto, ModelProto, ValueInfo } from '../../graph/graph-proto.ts';
import { UndecidedModel } from '../../graph/limits.ts';
import { Fork } from '../../graph/node-call.ts';
import { outputVerdict, type Verdict, worstOf } from '../../graph/output-verdict.ts';
import { BATCH, dimSymbol, type Size, sizeOf } from '../../graph/size.ts';
import { plainAxis, rows, same, type Value } from '../../graph/value.ts';
import { withoutZipMaps, zipMapsOf } from '../zip-map.ts';
import { GraphWalk } from './graph-walk.ts';
import { readModelFile } from './proto/model-file.ts';
import { readModel } from './proto/model-reader.ts';

/** Conditions that may be assumed; the graph is followed up to twice as often for each. */
const MOST_ASSUMED = 4;

/** Before it elementwise ops had other rules of broadcasting, and ONNX Runtime does not promise to run them. */
const OLDEST_OPSET = 7;

/**
 * `axes` has the batch axis of tensors by name; others have it at dim 0. Never rejects: a file that cannot be read or
 * followed is undecided. An output without a batch axis is mixed.
 */
export async function judgeGraph(file: string, axes: BatchAxes = new Map()): Promise<RowVerdict> {
  try {
    return await judgeModel(await readModel(withTensors(await readModelFile(file))), axes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'undecided', reason: error instanceof UndecidedModel ? reason : `it cannot be read: ${reason}` };
  }
}

/** The model as it is served (zip-map.ts). */
function withTensors(model: Buffer): Buffer {
  const maps = zipMapsOf(model);
  return maps.length === 0 ? model : withoutZipMaps(model, maps);
}

async function judgeModel(model: ModelProto, axes: BatchAxes): Promise<RowVerdict> {
  const { graph, opsets } = model;
  const opset = opsets.get('');
  if (opset !== undefined && opset < OLDEST_OPSET) {
    return { kind: 'undecided', reason: `its opset ${opset} is older than ${OLDEST_OPSET}` };
  }
  const inputs = givenInputs(graph);
  const batch = batchOf(inputs, axes);
  if (batch === undefined) return { kind: 'undecided', reason: 'its inputs have different fixed numbers of rows' };
  const verdict = await judgeAssuming(new Map(), model, batch, axes);
  return verdict.kind === 'fails' ? { kind: 'undecided', reason: verdict.reason } : verdict;
}

/** Follows the graph once, or again for both values of each condition that is not known but the same for all rows. */
async function judgeAssuming(
  assumed: ReadonlyMap<string, boolean>,
  model: ModelProto,
  batch: Size,
  axes: BatchAxes,
): Promise<Verdict> {
  const { graph } = model;
  const walk = new GraphWalk(model, batch, assumed);
  const inputs = givenInputs(graph).map((input) => [input.name, inputValue(input, axes, batch, walk)] as const);
  try {
    return verdictOf(graph, await walk.run(new Map(inputs)), axes);
  } catch (error) {
    if (!(error instanceof Fork)) throw error;
    if (assumed.size === MOST_ASSUMED) return { kind: 'undecided', reason: 'it has more branches than are followed' };
    const verdicts: Verdict[] = [];
    for (const value of [true, false]) {
      verdicts.push(await judgeAssuming(new Map(assumed).set(error.condition.key, value), model, batch, axes));
    }
    return worstOf(verdicts);
  }
}

/** Inputs that have no value in the file. */
function givenInputs(graph: GraphProto): readonly ValueInfo[] {
  const initialized = new Set(graph.initializers.map(({ name }) => name));
  return graph.inputs.filter(({ name }) => !initialized.has(name));
}

/** The number of rows; undefined if the inputs do not agree. */
function batchOf(inputs: readonly ValueInfo[], axes: BatchAxes): Size | undefined {
  const sizes = new Set<number | undefined>();
  for (const { name, dims } of inputs) {
    const axis = axes.get(name) ?? 0;
    if (axis !== 'same') sizes.add(dims?.[axis]);
  }
  const [first] = sizes;
  if (sizes.size > 1) return undefined;
  return first === undefined ? BATCH : sizeOf(first);
}

function inputValue({ name, dims, isTensor }: ValueInfo, axes: BatchAxes, batch: Size, walk: GraphWalk): Value {
  const axis = axes.get(name) ?? 0;
  const sizes = dims?.map((dim) => (dim === undefined ? dimSymbol(walk.nextName()) : sizeOf(dim)));
  if (axis === 'same') return same(sizes);
  if (sizes?.[axis] !== undefined && isTensor) return rows(sizes.with(axis, batch), plainAxis(axis));
  const why = isTensor ? (sizes === undefined ? 'has any rank' : `has no dim ${axis}`) : 'is no tensor';
  return { kind: 'lost', verdict: 'undecided', reason: `input "${name}" ${why}` };
}

function verdictOf(graph: GraphProto, values: ReadonlyMap<string, Value>, axes: BatchAxes): Verdict {
  const found = graph.outputs
    .filter(({ isTensor }) => isTensor)
    .map(({ name }) => outputVerdict(name, values.get(name), axes.get(name) ?? 0));
  if (found.length === 0) return { kind: 'undecided', reason: 'it has no output that is a tensor' };
  const worst = worstOf(found);
  if (worst.kind !== 'rows') return worst;
  return { kind: 'rows', reason: `each of its ${graph.nodes.length} nodes keeps the rows apart` };
}
