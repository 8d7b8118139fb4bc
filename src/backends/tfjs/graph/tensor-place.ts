/**
 * How a NodeDef names its inputs:
 *
 *   x          output 0 of node x, or an argument of the function
 *   x:1        output 1 of node x
 *   x:values:0 in a function: the first tensor of its output argument "values"
 *   ^x         nothing of x but that it has run: a control edge
 */
export interface TensorPlace {
  readonly node: string;
  /** The output argument; '' = not named. */
  readonly argument: string;
  readonly index: number;
  readonly isControl: boolean;
  /** "node:index", as signatures have it; undefined for a control edge. */
  readonly key: string | undefined;
}

export function placesOf(names: readonly string[]): readonly TensorPlace[] {
  return names.map((name) => {
    if (name.startsWith('^')) return { node: name.slice(1), argument: '', index: 0, isControl: true, key: undefined };
    const [node = '', ...rest] = name.split(':');
    const index = Number(rest.at(-1) ?? 0);
    return { node, argument: rest.length > 1 ? rest[0]! : '', index, isControl: false, key: `${node}:${index}` };
  });
}

/** Ops with several output arguments of one tensor each. All others that have a rule have one argument. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  FusedBatchNorm: ['y', 'batch_mean', 'batch_variance', 'reserve_space_1', 'reserve_space_2'],
  FusedBatchNormV2: ['y', 'batch_mean', 'batch_variance', 'reserve_space_1', 'reserve_space_2'],
  FusedBatchNormV3: ['y', 'batch_mean', 'batch_variance', 'reserve_space_1', 'reserve_space_2', 'reserve_space_3'],
  TopK: ['values', 'indices'],
  TopKV2: ['values', 'indices'],
};

/** The place among all outputs of a node of this op. */
export function indexOf({ argument, index }: TensorPlace, op: string): number {
  const at = argument === '' ? -1 : (ARGUMENTS[op]?.indexOf(argument) ?? -1);
  return at < 0 ? index : at;
}
