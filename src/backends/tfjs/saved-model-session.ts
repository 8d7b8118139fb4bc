/**
 * A session of a SavedModel in libtensorflow. It computes on the calling thread; tensors of all types cross as bytes.
 */
import { DATA_TYPES, dataTypeName, dtypeOf } from '../../codec/tensorflow/tensor-proto/tf-dtype.ts';
import { systemClock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import type { RunSync, Session } from '../backend.ts';
import { checkRun } from '../session-runs.ts';
import type { GraphPlace, NativeBinding, NativeTensor } from './native-binding.ts';
import { type PlainSignature, placeOf } from './saved-model-signatures.ts';
import { runError } from './tensorflow-errors.ts';

interface Places {
  readonly inputs: ReadonlyMap<string, GraphPlace>;
  readonly outputs: ReadonlyMap<string, GraphPlace>;
}

/** Called with the duration of each run and its RunMetadata, serialized. */
export type OnTracedRun = (durationMs: number, metadata: Uint8Array) => void;

/** A graph that is open in TensorFlow, and the signatures that name its tensors. */
export class OpenGraph {
  readonly #binding: NativeBinding;
  readonly #onTracedRun: OnTracedRun | undefined;
  readonly #model: number;
  readonly #places: ReadonlyMap<string, Places>;

  /** @param onTracedRun if it is given, TensorFlow traces each run */
  constructor(
    binding: NativeBinding,
    model: number,
    signatures: ReadonlyMap<string, PlainSignature>,
    onTracedRun?: OnTracedRun,
  ) {
    this.#binding = binding;
    this.#onTracedRun = onTracedRun;
    this.#model = model;
    this.#places = new Map([...signatures].map(([name, signature]) => [name, placesOf(signature)]));
  }

  /** Runs a signature, whose inputs and outputs are already checked. Throws ServingError. */
  run(signatureName: string, inputs: TensorMap, outputs: readonly string[]): TensorMap {
    if (outputs.length === 0) return new Map();
    const places = this.#places.get(signatureName)!;
    const feeds = [...inputs].map(([name, { dtype, shape, data }]) => {
      const { op, index } = places.inputs.get(name)!;
      return { op, index, dtype: DATA_TYPES[dtype], shape, data };
    });
    const fetches = outputs.map((name) => places.outputs.get(name)!);
    let given: NativeTensor[];
    try {
      given = this.#runSession(feeds, fetches);
    } catch (error) {
      throw runError(error);
    }
    return new Map(outputs.map((name, i) => [name, fromNative(given[i]!)]));
  }

  #runSession(...[feeds, fetches]: [(GraphPlace & NativeTensor)[], GraphPlace[]]): NativeTensor[] {
    if (this.#onTracedRun === undefined) return this.#binding.runSession(this.#model, feeds, fetches);
    const before = systemClock.nowMs();
    const { tensors, metadata } = this.#binding.profileSession(this.#model, feeds, fetches);
    this.#onTracedRun(systemClock.nowMs() - before, metadata);
    return tensors;
  }

  close(): void {
    this.#binding.deleteSavedModel(this.#model);
  }
}

function placesOf({ inputs, outputs }: PlainSignature): Places {
  const places = (specs: PlainSignature['inputs']): ReadonlyMap<string, GraphPlace> =>
    new Map([...specs].map(([name, spec]) => [name, placeOf(spec)]));
  return { inputs: places(inputs), outputs: places(outputs) };
}

/** Converts a tensor of the binding. Throws `backend_failed` for a type that no signature can have. */
export function fromNative({ dtype: number, shape, data }: NativeTensor): Tensor {
  const dtype = dtypeOf(number);
  if (dtype !== undefined) return { dtype, shape, data } as Tensor;
  throw new ServingError(
    'backend_failed',
    `TensorFlow gave a tensor of ${dataTypeName(number)}; the model is at fault`,
  );
}

export class SavedModelSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly warnings: readonly string[];
  readonly runSync: RunSync;
  readonly #graph: OpenGraph;
  #isClosed = false;

  constructor(graph: OpenGraph, signatures: ReadonlyMap<string, Signature>, warnings: readonly string[]) {
    this.#graph = graph;
    this.warnings = warnings;
    this.signatures = signatures;
    this.runSync = (signatureName, inputs, outputs) => {
      if (this.#isClosed) throw new ServingError('backend_failed', 'the model has been unloaded');
      checkRun(signatures, signatureName, inputs, outputs);
      return graph.run(signatureName, inputs, outputs);
    };
  }

  async run(...call: Parameters<RunSync>): Promise<TensorMap> {
    return this.runSync(...call);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#graph.close();
  }
}
