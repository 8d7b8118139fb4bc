/**
 * Holds the inputs and outputs of a config.pbtxt against the graph, as Triton's backends do at load. A dim that is free
 * (-1) on one side takes the other's size. With max_batch_size above 0 the dims begin behind dim 0.
 */

import { ServingError } from '../../../core/errors.ts';
import { formatShape, type Shape } from '../../../core/shape.ts';
import type { Signature, TensorSpec } from '../../../core/signature.ts';
import { dataTypeName, dtypeOf } from '../../open-inference/exported/data-types.ts';
import type { TritonConfig, TritonInput, TritonTensor } from '../../open-inference/exported/model-config.ts';
import { filledInputs } from '../config/sequence-batching.ts';

/** The shape that the model itself has, as the file says: behind the batch, and after a reshape. */
export function graphDims({ dims, reshape }: TritonTensor): Shape {
  return (reshape?.shape ?? dims).map(Number);
}

/** The whole shape, with dim 0 for the rows. */
export function withBatch(config: Pick<TritonConfig, 'maxBatchSize'>, dims: Shape): Shape {
  return config.maxBatchSize > 0 ? [-1, ...dims] : dims;
}

/** Throws `load_failed` with all differences. */
export function checkAgainstGraph(model: string, config: TritonConfig, { inputs, outputs }: Signature): void {
  // The graph has a value of its own for an optional input that it does not list.
  const isGiven = ({ name, optional }: TritonInput): boolean => !optional || inputs.has(name);
  const problems = [
    ...config.input.filter(isGiven).flatMap((tensor) => tensorProblems('input', tensor, config, inputs)),
    ...config.output.flatMap((tensor) => tensorProblems('output', tensor, config, outputs)),
    ...(config.input.length === 0 ? [] : missingInputs(config, inputs)),
    ...batchProblems(config, inputs),
  ];
  if (problems.length === 0) return;
  throw new ServingError(
    'load_failed',
    `model "${model}": its config.pbtxt does not fit the graph: ${problems.join('; ')}`,
  );
}

function tensorProblems(
  side: 'input' | 'output',
  tensor: TritonTensor,
  config: TritonConfig,
  specs: ReadonlyMap<string, TensorSpec>,
): readonly string[] {
  const { name, dataType } = tensor;
  const spec = specs.get(name);
  if (spec === undefined) return [`the graph has no ${side} "${name}"; it has ${[...specs.keys()].join(', ')}`];
  const problems: string[] = [];
  if (dtypeOf(dataType) !== spec.dtype) {
    problems.push(`${side} "${name}" is ${dataTypeName(dataType)}, but ${spec.dtype} in the graph`);
  }
  const wanted = withBatch(config, graphDims(tensor));
  if (spec.shape !== undefined && mergedShape(wanted, spec.shape) === undefined) {
    const shapes = `${formatShape(wanted)}, but ${formatShape(spec.shape)} in the graph`;
    problems.push(`${side} "${name}" is ${shapes}`);
  }
  return problems;
}

function missingInputs(config: TritonConfig, specs: ReadonlyMap<string, TensorSpec>): readonly string[] {
  const filled = filledInputs(config);
  const isListed = (name: string): boolean => filled.has(name) || config.input.some((each) => each.name === name);
  const missing = [...specs.keys()].filter((name) => !isListed(name));
  return missing.map((name) => `input "${name}" of the graph is not in the file; add it`);
}

/** Problems of max_batch_size with tensors that the file does not name: it must fit the graph all the same. */
function batchProblems(
  { input, maxBatchSize }: TritonConfig,
  specs: ReadonlyMap<string, TensorSpec>,
): readonly string[] {
  if (maxBatchSize === 0) return [];
  return [...specs].flatMap(([name, { shape }]) => {
    const isLeft = input.length > 0 && !input.some((each) => each.name === name);
    if (isLeft || shape === undefined || shape[0] === -1) return [];
    const dim = shape.length === 0 ? 'has no dims' : `has ${shape[0]} fixed at dim 0`;
    return [`max_batch_size is ${maxBatchSize}, but input "${name}" ${dim}; write max_batch_size: 0`];
  });
}

/** The sizes that both allow; undefined if they exclude each other. */
export function mergedShape(a: Shape, b: Shape): Shape | undefined {
  if (a.length !== b.length) return undefined;
  const merged: number[] = [];
  for (const [i, dim] of a.entries()) {
    const other = b[i]!;
    if (dim !== -1 && other !== -1 && dim !== other) return undefined;
    merged.push(dim === -1 ? other : dim);
  }
  return merged;
}
