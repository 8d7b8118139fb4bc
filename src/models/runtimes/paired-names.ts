/**
 * Artifacts of one model may name a tensor differently: tf2onnx calls an ONNX input `serving_default_x:0`, as
 * TensorFlow's graph does, and the SavedModel's signature calls it `x`. The graph's names stand in both signatures, so
 * they tell which is which. The artifact that replaces another gets the other's names.
 */
import { type Batch, type BatchResult, type Executor, PassingExecutor } from '../../core/executor.ts';
import type { BatchAxes, Signature, Signatures, TensorSpec } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';

/** An artifact, opened. */
export interface Named {
  readonly executor: Executor;
  readonly signatures: Signatures;
}

/** The artifact's own names of inputs or of outputs → those of the other. Tensors that have no pair are not in it. */
type Pairs = ReadonlyMap<string, string>;

interface SignaturePairs {
  readonly inputs: Pairs;
  readonly outputs: Pairs;
}

/** Gives `candidate` the names that `reference` has for the same tensors. Those without a pair keep their own. */
export function pairedAs(reference: Signatures, candidate: Named): Named {
  const signatures = new Map(candidate.signatures);
  const renamed = new Map<string, SignaturePairs>();
  for (const [name, wanted] of reference) {
    const found = signatures.get(name);
    if (found === undefined) continue;
    const pairs = { inputs: pairsOf(wanted.inputs, found.inputs), outputs: pairsOf(wanted.outputs, found.outputs) };
    if (pairs.inputs.size + pairs.outputs.size === 0) continue;
    renamed.set(name, pairs);
    signatures.set(name, withNames(found, pairs));
  }
  return renamed.size === 0 ? candidate : { signatures, executor: new RenamingExecutor(candidate.executor, renamed) };
}

type Specs = ReadonlyMap<string, TensorSpec>;

type Entry = readonly [string, TensorSpec];

/** Pairs the tensors whose names differ: first by the graph's tensors, then by names of either kind. */
function pairsOf(wanted: Specs, found: Specs): Pairs {
  const pairs = new Map<string, string>();
  const left = new Map([...wanted].filter(([name]) => !found.has(name)));
  for (const isSame of [haveOneTensor, haveCommonName]) {
    for (const entry of found) {
      const [name] = entry;
      if (wanted.has(name) || pairs.has(name)) continue;
      const other = [...left].find((each) => isSame(entry, each));
      if (other === undefined) continue;
      left.delete(other[0]);
      pairs.set(name, other[0]);
    }
  }
  return pairs;
}

function haveOneTensor([, a]: Entry, [, b]: Entry): boolean {
  return plainName(a.tensorName) === plainName(b.tensorName);
}

function haveCommonName(a: Entry, b: Entry): boolean {
  const names = new Set(namesOf(a));
  return namesOf(b).some((name) => names.has(name));
}

function namesOf([name, { tensorName }]: Entry): readonly string[] {
  return [name, tensorName].map(plainName);
}

/** `:0` is an op's first output in TensorFlow; exporters leave it out. */
function plainName(name: string): string {
  return name.replace(/:0$/, '');
}

function withNames(signature: Signature, { inputs, outputs }: SignaturePairs): Signature {
  const { batchAxes, defaults } = signature;
  return {
    ...signature,
    inputs: renamedKeys(signature.inputs, inputs),
    outputs: renamedKeys(signature.outputs, outputs),
    ...(batchAxes !== undefined && {
      batchAxes: renamedKeys(batchAxes, new Map([...outputs, ...inputs])) as BatchAxes,
    }),
    ...(defaults !== undefined && { defaults: renamedKeys(defaults, inputs) }),
  };
}

function renamedKeys<T>(map: ReadonlyMap<string, T>, pairs: Pairs): ReadonlyMap<string, T> {
  return new Map([...map].map(([name, value]) => [pairs.get(name) ?? name, value]));
}

class RenamingExecutor extends PassingExecutor {
  readonly #pairs: ReadonlyMap<string, SignaturePairs>;
  /** The other's names → the artifact's own, by signature. */
  readonly #own: ReadonlyMap<string, SignaturePairs>;
  /** A batch in `run` → the batch that runs instead: `after` is one of the former. */
  readonly #renamed = new WeakMap<Batch, Batch>();

  /** `pairs` are by signature. */
  constructor(inner: Executor, pairs: ReadonlyMap<string, SignaturePairs>) {
    super(inner);
    this.#pairs = pairs;
    this.#own = new Map(
      [...pairs].map(([name, { inputs, outputs }]) => [name, { inputs: turned(inputs), outputs: turned(outputs) }]),
    );
  }

  override async run(batch: Batch, after?: Batch): Promise<BatchResult> {
    const own = this.#own.get(batch.signatureName);
    const before = after && (this.#renamed.get(after) ?? after);
    if (own === undefined) return super.run(batch, before);
    const renamed: Batch = {
      ...batch,
      inputs: renamedKeys(batch.inputs, own.inputs) as TensorMap,
      outputs: batch.outputs.map((name) => own.outputs.get(name) ?? name),
    };
    this.#renamed.set(batch, renamed);
    const result = await super.run(renamed, before);
    const { outputs } = this.#pairs.get(batch.signatureName)!;
    return { ...result, outputs: renamedKeys(result.outputs, outputs) as TensorMap };
  }
}

function turned(pairs: Pairs): Pairs {
  return new Map([...pairs].map(([name, other]) => [other, name]));
}
