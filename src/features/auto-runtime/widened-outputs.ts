/**
 * TensorFlow.js has no int64: an output that other artifacts of a model give as int64 its graph gives as int32. If it
 * replaces them, its int32 outputs are converted to int64, which loses nothing. Inputs cannot be converted like that.
 */
import type { DType } from '../../core/dtype.ts';
import { type Batch, type BatchResult, type Executor, PassingExecutor } from '../../core/executor.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import { elements, numericTensor, type Tensor } from '../../core/tensor.ts';

/** Whether an output of dtype `found` can be converted to `wanted`. */
export function canWiden(found: DType, wanted: DType): boolean {
  return found === 'int32' && wanted === 'int64';
}

export interface Widened {
  readonly executor: Executor;
  readonly signatures: Signatures;
}

/**
 * Gives `candidate` the output dtypes of `reference`. Its signatures must match, except for outputs that can be
 * widened.
 */
export function widenedAs(reference: Signatures, candidate: Widened): Widened {
  const signatures = new Map(candidate.signatures);
  const wide = new Map<string, ReadonlySet<string>>();
  for (const [name, { outputs }] of reference) {
    const found = signatures.get(name);
    if (found === undefined) continue;
    const narrow = [...outputs].filter(([output, spec]) => found.outputs.get(output)?.dtype !== spec.dtype);
    if (narrow.length === 0) continue;
    wide.set(name, new Set(narrow.map(([output]) => output)));
    signatures.set(name, withDtypes(found, outputs));
  }
  return wide.size === 0 ? candidate : { executor: new WideningExecutor(candidate.executor, wide), signatures };
}

function withDtypes(found: Signature, wanted: Signature['outputs']): Signature {
  const outputs = [...found.outputs].map(
    ([name, spec]) => [name, { ...spec, dtype: wanted.get(name)!.dtype }] as const,
  );
  return { ...found, outputs: new Map(outputs) };
}

class WideningExecutor extends PassingExecutor {
  readonly #wide: ReadonlyMap<string, ReadonlySet<string>>;

  /** `wide`: the outputs to convert, by signature. */
  constructor(inner: Executor, wide: ReadonlyMap<string, ReadonlySet<string>>) {
    super(inner);
    this.#wide = wide;
  }

  override async run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const result = await super.run(batch, after);
    const names = this.#wide.get(batch.signatureName);
    if (names === undefined) return result;
    const outputs = new Map<string, Tensor>();
    for (const [name, tensor] of result.outputs) outputs.set(name, names.has(name) ? widen(tensor) : tensor);
    return { ...result, outputs };
  }
}

function widen(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'int32') return tensor;
  return numericTensor('int64', tensor.shape, BigInt64Array.from(elements(tensor) as Int32Array, BigInt));
}
