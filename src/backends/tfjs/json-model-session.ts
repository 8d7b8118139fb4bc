/**
 * A session of a graph or layers model of TensorFlow.js, which tfjs-node runs on libtensorflow. It has one signature,
 * serving_default.
 *
 * A graph without control flow computes on the calling thread. A graph with control flow answers in later turns of the
 * event loop, and its runs do not overlap: TensorFlow.js tracks tensors globally.
 */
import { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { RunSync, Session } from '../backend.ts';
import { checkRun } from '../session-runs.ts';
import { fromTfjs, toTfjs } from './json-model-tensors.ts';
import type { OpenJsonModel, TfjsFeeds } from './json-models.ts';
import { runError } from './tensorflow-errors.ts';
import type { TfjsLibrary, TfjsTensor } from './tfjs-library.ts';

export class JsonModelSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly runSync: RunSync | undefined;
  readonly #tf: TfjsLibrary;
  readonly #model: OpenJsonModel;
  /** Resolves when all runs so far have ended. */
  #last: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(tf: TfjsLibrary, model: OpenJsonModel, signatures: ReadonlyMap<string, Signature>, isAsync: boolean) {
    this.#tf = tf;
    this.#model = model;
    this.signatures = signatures;
    if (isAsync) return;
    this.runSync = (signatureName, inputs, outputs) => {
      this.#check(signatureName, inputs, outputs);
      return runNow(tf, model, inputs, outputs);
    };
  }

  async run(...[signatureName, inputs, outputs, options]: Parameters<RunSync>): Promise<TensorMap> {
    if (this.runSync !== undefined) return this.runSync(signatureName, inputs, outputs, options);
    this.#check(signatureName, inputs, outputs);
    const run = this.#last.then(() => runAsync(this.#tf, this.#model, inputs, outputs));
    this.#last = run.catch(() => undefined);
    return run;
  }

  close(): Promise<void> {
    this.#closed ??= this.#last.then(() => this.#model.dispose());
    return this.#closed;
  }

  #check(...call: [string, TensorMap, readonly string[]]): void {
    if (this.#closed !== undefined) throw new ServingError('backend_failed', 'the model has been unloaded');
    checkRun(this.signatures, ...call);
  }
}

/** Disposes of all tensors of the run before it returns. */
export function runNow(
  tf: TfjsLibrary,
  model: OpenJsonModel,
  inputs: TensorMap,
  outputs: readonly string[],
): TensorMap {
  if (outputs.length === 0) return new Map();
  try {
    return tf.tidy(() => named(tf, outputs, model.run(feedsOf(tf, inputs), outputs)));
  } catch (error) {
    throw error instanceof ServingError ? error : runError(error);
  }
}

/** Runs a graph with control flow. */
export async function runAsync(
  tf: TfjsLibrary,
  model: OpenJsonModel,
  inputs: TensorMap,
  outputs: readonly string[],
): Promise<TensorMap> {
  if (outputs.length === 0) return new Map();
  const feeds = feedsOf(tf, inputs);
  let given: readonly TfjsTensor[] = [];
  try {
    given = await model.runAsync!(feeds, outputs);
    return named(tf, outputs, given);
  } catch (error) {
    throw error instanceof ServingError ? error : runError(error);
  } finally {
    // An output may be an input; the second of two disposals does nothing.
    for (const tensor of [...Object.values(feeds), ...given]) tensor.dispose();
  }
}

function feedsOf(tf: TfjsLibrary, inputs: TensorMap): TfjsFeeds {
  return Object.fromEntries([...inputs].map(([name, tensor]) => [name, toTfjs(tf, tensor)]));
}

function named(tf: TfjsLibrary, names: readonly string[], tensors: readonly TfjsTensor[]): TensorMap {
  return new Map(names.map((name, i) => [name, fromTfjs(tf, tensors[i]!)]));
}
