/**
 * Decides whether a GraphDef keeps the rows of a signature apart: row i of every output depends on row i of the inputs
 * alone. It reads the file, without TensorFlow, as for ONNX graphs (docs/adr/0027): each value is the same for all
 * requests, or has the rows on one axis, or is lost.
 *
 * Dims beside the batch axis are unknown but equal for all rows, as the scheduler sees to.
 */
import type { BatchAxes } from '../../../core/signature.ts';
import type { RowVerdict } from '../../backend.ts';
import {
  batchOf,
  inputValue,
  type JudgedInput,
  judgeAssuming,
  outputVerdict,
  rowVerdict,
  worstOf,
} from '../../graph/judge-rows.ts';
import type { TfGraph } from './tf-graph.ts';
import { TfWalk } from './tf-walk.ts';

/** A tensor of a signature: the graph's name for it, "node:index", and its declared dims; −1 = any size. */
export interface JudgedTensor {
  readonly tensorName: string;
  readonly shape: readonly number[] | undefined;
}

/** The tensors by the signature's names. */
export interface JudgedSignature {
  readonly inputs: ReadonlyMap<string, JudgedTensor>;
  readonly outputs: ReadonlyMap<string, JudgedTensor>;
}

/** Never rejects: a graph that cannot be followed is undecided. An output without a batch axis is mixed. */
export function judgeTfGraph(
  graph: TfGraph,
  signature: JudgedSignature,
  axes: BatchAxes = new Map(),
): Promise<RowVerdict> {
  return rowVerdict(async () => {
    const inputs = [...signature.inputs].map(([name, tensor]) => ({ name, dims: dimsOf(tensor), key: keyOf(tensor) }));
    const batch = batchOf(inputs, axes);
    const outputs = [...signature.outputs];
    const wanted = outputs.map(([, tensor]) => keyOf(tensor));
    return judgeAssuming(async (assumed) => {
      const walk = new TfWalk(graph, batch, assumed);
      const fed = inputs.map((input) => {
        return [input.key, inputValue(input, axes.get(input.name) ?? 0, batch, walk.names)] as const;
      });
      const values = await walk.run(new Map(fed), wanted);
      const worst = worstOf(outputs.map(([name], i) => outputVerdict(name, values[i], axes.get(name) ?? 0)));
      if (worst.kind !== 'rows') return worst;
      return { kind: 'rows', reason: `each of its ${walk.followed} nodes keeps the rows apart` };
    });
  });
}

function keyOf({ tensorName }: JudgedTensor): string {
  return tensorName.includes(':') ? tensorName : `${tensorName}:0`;
}

function dimsOf({ shape }: JudgedTensor): JudgedInput['dims'] {
  return shape?.map((dim) => (dim < 0 ? undefined : dim));
}
