/**
 * A session of ONNX Runtime, and the conversion of tensors to and from ORT's.
 *
 * ORT computes on the calling thread and blocks it, even though its `run` returns a promise. Overlapping runs are safe:
 * they follow each other.
 *
 * Numbers are not copied: an ORT tensor is a typed view of our bytes (a copy only if they are not aligned), and an
 * output is a view of the new ArrayBuffer that ORT created for it, which the caller may keep. Our float16 is 16-bit
 * patterns; ORT's outputs of it are a Uint16Array, or a Float16Array on a Node that has it.
 *
 * Our strings are bytes, ORT's are JS strings, which its binding passes to C as NUL-terminated UTF-8. So an element
 * that is not UTF-8, or contains a NUL (which would cut it silently), is rejected with its index.
 */
import { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import { elements, type NumericTensor, type StringTensor, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { type OrtModel, Tensor as OrtTensor, type OrtTensors } from '../../internals/ort-library.ts';
import type { RunSync, Session } from '../backend.ts';
import { checkRun, RunsInFlight } from '../session-runs.ts';
import { runError } from './ort-errors.ts';

export class OnnxSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly warnings: readonly string[];
  readonly runSync: RunSync | undefined;
  readonly #ort: OrtModel;
  readonly #inFlight = new RunsInFlight();
  #closed: Promise<void> | undefined;

  constructor(ort: OrtModel, signatures: ReadonlyMap<string, Signature>, warnings: readonly string[] = []) {
    this.#ort = ort;
    this.signatures = signatures;
    this.warnings = warnings;
    const { runSync } = ort;
    this.runSync =
      runSync &&
      ((signatureName, inputs, outputs) => {
        this.#check(signatureName, inputs, outputs);
        if (outputs.length === 0) return new Map();
        try {
          return fromResults(runSync(toFeeds(inputs), outputs), outputs);
        } catch (error) {
          throw runError(error);
        }
      });
  }

  async run(signatureName: string, inputs: TensorMap, outputs: readonly string[]): Promise<TensorMap> {
    this.#check(signatureName, inputs, outputs);
    if (outputs.length === 0) return new Map();
    const feeds = toFeeds(inputs);
    this.#inFlight.begin();
    try {
      return await runOrt(this.#ort, feeds, outputs);
    } finally {
      this.#inFlight.end();
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#release();
    return this.#closed;
  }

  #check(signatureName: string, inputs: TensorMap, outputs: readonly string[]): void {
    if (this.#closed !== undefined) throw new ServingError('backend_failed', 'the model has been unloaded');
    checkRun(this.signatures, signatureName, inputs, outputs);
  }

  async #release(): Promise<void> {
    await this.#inFlight.idle();
    await this.#ort.release();
  }
}

/** Runs the model. Rejects with ServingError. */
export async function runOrt(ort: OrtModel, feeds: OrtTensors, outputs: readonly string[]): Promise<TensorMap> {
  try {
    return fromResults(await ort.run(feeds, outputs), outputs);
  } catch (error) {
    throw runError(error);
  }
}

/** ORT's feeds by input name. Throws `invalid_request` for a string that ORT cannot take. */
function toFeeds(inputs: TensorMap): OrtTensors {
  const feeds: Record<string, OrtTensor> = Object.create(null);
  for (const [name, tensor] of inputs) feeds[name] = toOrtTensor(name, tensor);
  return feeds;
}

/** The named results, in that order. */
function fromResults(results: OrtTensors, names: readonly string[]): TensorMap {
  const outputs = new Map<string, Tensor>();
  for (const name of names) outputs.set(name, fromOrtTensor(results[name]!));
  return outputs;
}

function toOrtTensor(name: string, tensor: Tensor): OrtTensor {
  if (tensor.dtype === 'string') return new OrtTensor('string', toText(name, tensor), tensor.shape);
  const { dtype } = tensor;
  // A model with such an input cannot be loaded (onnx-signature.ts).
  if (dtype === 'bfloat16') throw new Error('ONNX Runtime for Node has no bfloat16');
  if (dtype === 'float16') return float16Tensor(tensor);
  // ORT's types tie each dtype to its array class, which elements() has chosen.
  return new OrtTensor(dtype as 'float32', elements(tensor) as Float32Array, tensor.shape);
}

/**
 * Makes a float16 tensor without ORT's Tensor, which creates a Float16Array on a Node that has it (24). ORT's binding
 * would read that through Node-API as an empty array ("not enough space: expected 12, got 0"). It reads only these four
 * properties, so it gets them with the Uint16Array that it understands.
 */
function float16Tensor(tensor: NumericTensor): OrtTensor {
  return { type: 'float16', dims: tensor.shape, location: 'cpu', data: elements(tensor) } as object as OrtTensor;
}

function fromOrtTensor(result: OrtTensor): Tensor {
  const shape = result.dims;
  if (result.type === 'string') return { dtype: 'string', shape, data: toBytes(result.data as readonly string[]) };
  const view = result.data as ArrayBufferView;
  // The signature has no output of another type.
  const dtype = result.type as Exclude<typeof result.type, 'string' | 'int4' | 'uint4'>;
  return { dtype, shape, data: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) };
}

function toText(name: string, tensor: StringTensor): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const texts: string[] = new Array(tensor.data.length);
  for (let i = 0; i < texts.length; i++) {
    const bytes = tensor.data[i]!;
    if (bytes.includes(0)) throw badString(name, i, 'holds a NUL byte');
    try {
      texts[i] = decoder.decode(bytes);
    } catch {
      throw badString(name, i, 'is not valid UTF-8');
    }
  }
  return texts;
}

function toBytes(texts: readonly string[]): Uint8Array[] {
  const encoder = new TextEncoder();
  return texts.map((text) => encoder.encode(text));
}

function badString(name: string, index: number, fault: string): ServingError {
  return new ServingError(
    'invalid_request',
    `input "${name}", element ${index}, ${fault}: ONNX Runtime takes UTF-8 text; send binary data as uint8`,
  );
}
