/**
 * Decides whether the graph of an ONNX model keeps the rows of a batch apart: row i of every output depends on row i of
 * the inputs alone, whatever the other rows hold and however many there are. It reads the file, without running the
 * model or loading a runtime: docs/adr/0027 tells how.
 *
 * Dims beside the batch axis are unknown but equal for all rows, as the scheduler sees to.
 */
import type { Buffer } from 'node:buffer';
import type { BatchAxes } from '../../../core/signature.ts';
import type { RowVerdict } from '../../backend.ts';
import type { GraphProto, ModelProto, ValueInfo } from '../../graph/graph-proto.ts';
import {
  batchOf,
  inputValue,
  judgeAssuming,
  outputVerdict,
  rowVerdict,
  type Verdict,
  worstOf,
} from '../../graph/judge-rows.ts';
import type { Size } from '../../graph/size.ts';
import type { Value } from '../../graph/value.ts';
import { withoutZipMaps, zipMapsOf } from '../zip-map.ts';
import { GraphWalk } from './graph-walk.ts';
import { readModelFile } from './proto/model-file.ts';
import { readModel } from './proto/model-reader.ts';

/** The first opset that is read: ops broadcast otherwise before, and ONNX Runtime does not promise to run those. */
const OLDEST_OPSET = 7;

/**
 * `axes` has the batch axis of tensors by name; others have it at dim 0. Never rejects: a file that cannot be read or
 * followed is undecided. An output without a batch axis is mixed.
 */
export function judgeGraph(file: string, axes: BatchAxes = new Map()): Promise<RowVerdict> {
  return rowVerdict(async () => judgeModel(await readModel(withTensors(await readModelFile(file))), axes));
}

/** The model as it is served (zip-map.ts). */
function withTensors(model: Buffer): Buffer {
  const maps = zipMapsOf(model);
  return maps.length === 0 ? model : withoutZipMaps(model, maps);
}

async function judgeModel(model: ModelProto, axes: BatchAxes): Promise<Verdict> {
  const { graph, opsets } = model;
  const opset = opsets.get('');
  if (opset !== undefined && opset < OLDEST_OPSET) {
    return { kind: 'undecided', reason: `its opset ${opset} is older than ${OLDEST_OPSET}` };
  }
  const inputs = givenInputs(graph);
  const batch = batchOf(inputs, axes);
  return judgeAssuming(async (assumed) => {
    const walk = new GraphWalk(model, batch, assumed);
    const values = inputs.map((input) => [input.name, givenValue(input, axes, batch, walk)] as const);
    return verdictOf(graph, await walk.run(new Map(values)), axes);
  });
}

/** Inputs that have no value in the file. */
function givenInputs(graph: GraphProto): readonly ValueInfo[] {
  const initialized = new Set(graph.initializers.map(({ name }) => name));
  return graph.inputs.filter(({ name }) => !initialized.has(name));
}

function givenValue(input: ValueInfo, axes: BatchAxes, batch: Size, walk: GraphWalk): Value {
  const axis = axes.get(input.name) ?? 0;
  if (input.isTensor || axis === 'same') {
    const value = inputValue(input, axis, batch, walk.names);
    walk.types.mark(value, input);
    return value;
  }
  return { kind: 'lost', verdict: 'undecided', reason: `input "${input.name}" is no tensor` };
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
