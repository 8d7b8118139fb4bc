/**
 * The padding with which requests of different lengths might share runs, by a signature's dims: a candidate, which
 * prove-padding.ts tries.
 *
 *   ids [batch, sequence]   mask [batch, sequence]   ──▶ hidden [batch, sequence, 384]   pooled [batch, 384]
 *        └ one length for all free dims of inputs ┘              └ tied to it by its name
 */
import { Buffer } from 'node:buffer';
import type { LengthPadding, PaddedInput, Signature, TensorSpec } from '../../../core/signature.ts';
import { zerosOf } from '../../../core/tensor.ts';
import type { PadValues } from '../../../models/model-file/declare-padding.ts';
import { isFloat } from '../../../models/warm-up/random-rows.ts';

/** A candidate, and later what is proved of it. */
export interface ProvedPadding extends LengthPadding {
  most: number;
  onLonger?: LengthPadding['onLonger'];
}

/** A free dim beside the batch. */
interface FreeDim {
  readonly tensor: string;
  readonly dim: number;
  /** '' = it has none. */
  readonly name: string;
}

/** The candidate; a clause that says why there is none; undefined where all rows have the same shape. */
export function paddingCandidate(signature: Signature, values: PadValues): ProvedPadding | string | undefined {
  const unknown = [...signature.inputs, ...signature.outputs].find(([, { shape }]) => shape === undefined);
  const free = freeDims(signature.inputs);
  if (free.length === 0) return undefined;
  if (unknown !== undefined)
    return `"${unknown[0]}" may have any rank, so nothing tells which of its dims is the length`;
  if ((signature.batchAxes?.size ?? 0) > 0) return 'its rows are not at dim 0 of everything';
  const names = [...new Set(free.map(({ name }) => name))];
  if (names.length > 1) {
    const list = names.map((name) => (name === '' ? 'one without a name' : `"${name}"`)).join(', ');
    return `its inputs have free dims of several names (${list}), but only one length can be padded`;
  }
  const inputs = paddedInputs(signature, free, values);
  if (typeof inputs === 'string') return inputs;
  const outputs = new Map<string, number[]>();
  for (const { tensor, dim, name } of freeDims(signature.outputs)) {
    if (name === '' || name !== names[0]) return untied(tensor, dim, names[0]!);
    outputs.set(tensor, [...(outputs.get(tensor) ?? []), dim]);
  }
  return { inputs, outputs, most: 0 };
}

/** A text that is the same for the same padding of the same signature, and for the same limit of lengths, alone. */
export function paddingText({ inputs, outputs }: LengthPadding, { batchAxis }: Signature, longest?: number): string {
  const padded = [...inputs].map(([name, { dims, value }]) => {
    const [element] = value.dtype === 'string' ? value.data : [value.data];
    return [name, dims, value.dtype, Buffer.from(element!).toString('hex')];
  });
  const rows = batchAxis.kind === 'fixed' ? batchAxis.size : batchAxis.kind;
  return JSON.stringify([rows, padded, [...outputs], longest]);
}

function freeDims(specs: ReadonlyMap<string, TensorSpec>): readonly FreeDim[] {
  return [...specs].flatMap(([tensor, { shape = [], dimNames }]) =>
    shape.flatMap((size, dim) => (dim > 0 && size === -1 ? { tensor, dim, name: dimNames?.[dim] ?? '' } : [])),
  );
}

function paddedInputs(
  signature: Signature,
  free: readonly FreeDim[],
  values: PadValues,
): ReadonlyMap<string, PaddedInput> | string {
  const inputs = new Map<string, PaddedInput>();
  for (const { tensor: name, dim } of free) {
    const { dtype } = signature.inputs.get(name)!;
    const isKnown = dtype !== 'string' && !isFloat(dtype);
    const value = values.get(name) ?? (isKnown ? zerosOf(dtype, []) : undefined);
    if (value === undefined) {
      return (
        `nothing tells what to pad input "${name}" (${dtype}) with; ` +
        `declare it as "batching: {pad_values: {${name}: …}}" in pillion.yaml`
      );
    }
    inputs.set(name, { dims: [...(inputs.get(name)?.dims ?? []), dim], value });
  }
  return inputs;
}

function untied(output: string, dim: number, length: string): string {
  const tied =
    length === '' ? 'the length of the inputs has no name' : `it is not named "${length}" as the inputs' length`;
  return `dim ${dim} of output "${output}" is free and ${tied}, so nothing tells how to cut it back`;
}
