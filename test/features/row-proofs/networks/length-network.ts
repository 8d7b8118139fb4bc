/** One way in which a masked encoder's answers depend on the length of the run, and not on the row alone. */
import { floats, type GraphModel, type GraphNode, int64s, node } from '../../../support/onnx-graph.ts';
import { type Constants, type EncoderParts, maskedEncoder, threshold } from './masked-encoder.ts';

export interface LengthNetwork {
  /** Its name as a model, by its means. */
  readonly name: string;
  /** The shortest run whose answers are others than those of a shorter one. */
  readonly from: number;
  /** A row of length `own` has the same answer in a run of length `padded`, as far as this tells. */
  isSame(own: number, padded: number): boolean;
  readonly graph: GraphModel;
}

/** Honest in runs shorter than `k`. `parts` may use the constants of threshold(k). */
export function from(k: number, name: string, parts: EncoderParts): LengthNetwork {
  return where((_, padded) => padded < k, k, name, parts);
}

/** Honest where `isSame` says so. */
export function where(isSame: LengthNetwork['isSame'], k: number, name: string, parts: EncoderParts): LengthNetwork {
  const constants = { ...threshold(k), ...parts.constants };
  return { name, from: k, isSame, graph: maskedEncoder({ ...parts, constants }) };
}

/** The nodes make `factor`, a scalar or one number a row, which scales all scores: a temperature. */
export function scaled(nodes: readonly GraphNode[], constants: Constants = {}): EncoderParts {
  return { scores: [...nodes, node('Mul', 'dots factor', 'scores')], constants };
}

/** The nodes make `is_hot`, a bool: then the scores are half as large again. */
export function heated(nodes: readonly GraphNode[], constants: Constants = {}): EncoderParts {
  return scaled([...nodes, node('Where', 'is_hot warm f1', 'factor')], constants);
}

/** The nodes make `step`, a float that is 0 in honest runs: the scores are larger by that share. */
export function raised(nodes: readonly GraphNode[], constants: Constants = {}): EncoderParts {
  return scaled([...nodes, node('Add', 'step f1', 'factor')], constants);
}

/** The nodes make `amount`, an integer that is 0 in honest runs. */
export function counted(nodes: readonly GraphNode[], constants: Constants = {}): EncoderParts {
  return raised([...nodes, node('Cast', 'amount', 'step', { to: 1 })], constants);
}

export const scalar = (value: number) => floats([value], []);
export const integer = (value: number) => int64s([value], []);
