/**
 * TensorFlow.js has no int64: what the other artifacts of a model give as int64 its graph gives as int32. Where it stands
 * in for them its int32 outputs are made wide, which loses nothing; an input cannot be made narrow like that.
 */
import type { DType } from '../../core/dtype.ts';
import { type Batch, type BatchResult, type Executor, PassingExecutor } from '../../core/executor.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import { elements, numericTensor, type Tensor } from '../../core/tensor.ts';

/** May an output that is `found` be made what is `wanted`? */
export function canWiden(found: DType, wanted: DType): boolean {
  return found === 'int32' && wanted === 'int64';
}

/** What runs and shows the outputs of `reference`; itself where they are the same already. */
export interface Widened {
  readonly executor: Executor;
  readonly signatures: Signatures;
}

/** `candidate` has the signatures of `reference`, but for outputs that can be made wide. */
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

  /** `wide`: by signature, the outputs to make wide. */
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
