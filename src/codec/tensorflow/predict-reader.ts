/**
 * Predict's messages (tensorflow_serving/apis/predict.proto), read: PredictRequest → what handlers/predict takes, and
 * PredictResponse → its outputs.
 *
 * Tensors are views of the message where they can be: the message's buffer lives as long as they do, and is not
 * changed. Fields 5 to 7 (streaming and decoder options) are skipped, as TensorFlow Serving does. A request that is
 * like one before is not parsed at all (`PredictLayouts`).
 */
import type { NumericDType } from '../../core/dtype.ts';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Shape } from '../../core/shape.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { missingModelSpec, readModelSpec } from './model-spec-codec.ts';
import { type TensorBudget, tensorBudget } from './tensor-proto/tensor-budget.ts';
import { readTensor, TensorHeader } from './tensor-proto/tensor-proto-reader.ts';
import { MAP_VALUE } from './tensor-proto/tensor-values.ts';

/** A PredictRequest as it was read. */
export interface PredictRequest {
  readonly modelSpec: ModelSpec;
  readonly inputs: TensorMap;
  readonly outputFilter: readonly string[];
}

const MODEL_SPEC = 1;
const INPUTS = 2;
const OUTPUT_FILTER = 3;
const MAP_KEY = 1;

const NO_FILTER: readonly string[] = [];

/** The most names of tensors in a message: far more than any model has, and no danger to memory. */
const MAX_NAMES = 1000;

function tooManyNames(field: string): ServingError {
  return invalidRequest(`${field} names more than ${MAX_NAMES} tensors; send those that the signature has`);
}

/**
 * Throws ServingError: invalid_request, unsupported (a dtype), too_large (the tensors take more than `maxTensorBytes`
 * together). A name that stands twice counts as it stands last. `absent` stands for a model_spec that is not there;
 * without it that is `invalid_request`. `layouts` belong to one reader of requests, always with the same `maxTensorBytes`.
 */
export function readPredictRequest(
  message: Uint8Array,
  maxTensorBytes: number,
  layouts?: PredictLayouts,
  absent?: ModelSpec,
): PredictRequest {
  const known = layouts?.read(message);
  if (known !== undefined) return known;
  const { modelSpec, inputs, outputFilter } = parse(message, maxTensorBytes);
  if (modelSpec !== undefined) {
    const request = { modelSpec, inputs, outputFilter };
    layouts?.learn(message, request);
    return request;
  }
  if (absent === undefined) throw missingModelSpec('PredictRequest');
  return { modelSpec: absent, inputs, outputFilter };
}

interface ParsedRequest extends Omit<PredictRequest, 'modelSpec'> {
  readonly modelSpec: ModelSpec | undefined;
}

function parse(message: Uint8Array, maxTensorBytes: number): ParsedRequest {
  const reader = new WireReader(message, 'PredictRequest');
  const inputs = new Map<string, Tensor>();
  const budget = tensorBudget(maxTensorBytes);
  let modelSpec: ModelSpec | undefined;
  let outputFilter: string[] | undefined;
  while (reader.next()) {
    switch (reader.tag) {
      case lengthDelimited(MODEL_SPEC):
        modelSpec = readModelSpec(reader, modelSpec);
        break;
      case lengthDelimited(INPUTS):
        readTensorEntry(reader, inputs, budget);
        break;
      case lengthDelimited(OUTPUT_FILTER):
        outputFilter ??= [];
        if (outputFilter.push(reader.string()) > MAX_NAMES) throw tooManyNames('output_filter');
        break;
      default:
        reader.skip();
    }
  }
  return { modelSpec, inputs, outputFilter: outputFilter ?? NO_FILTER };
}

/** One entry of a map<string, TensorProto>. Key and value may come in either order, more than once, or not at all. */
export function readTensorEntry(reader: WireReader, inputs: Map<string, Tensor>, budget: TensorBudget): void {
  const outer = reader.enter();
  const entry = { start: reader.position, end: reader.end };
  const header = new TensorHeader();
  let name = '';
  while (reader.next()) {
    switch (reader.tag) {
      case lengthDelimited(MAP_KEY):
        name = reader.string();
        break;
      case lengthDelimited(MAP_VALUE): {
        const entryEnd = reader.enter();
        header.scan(reader);
        reader.leave(entryEnd);
        break;
      }
      default:
        reader.skip();
    }
  }
  inputs.set(name, readTensor(reader, entry, header, name, budget));
  if (inputs.size > MAX_NAMES) throw tooManyNames('inputs');
  reader.end = entry.end;
  reader.leave(outer);
}

/** A request with more bytes around its elements is parsed each time. */
const MAX_COMMON_BYTES = 512;
/** A server has clients of a few kinds at a time. */
const MAX_LAYOUTS = 4;
/** One in so many requests of no known layout is learned from: a client's requests may all differ. */
const LEARN_EVERY = 8;

/** An input whose elements stand in the message. */
interface Place {
  readonly name: string;
  readonly dtype: NumericDType;
  readonly shape: Shape;
  /** Bytes from the message's start. */
  readonly start: number;
  readonly byteLength: number;
}

/** The bytes between two places, from `start` on. */
interface Common {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** The layouts of the latest requests; the oldest is replaced first. */
export class PredictLayouts {
  readonly #known: PredictLayout[] = [];
  #next = 0;
  #misses = 0;

  /** The same as parsing the message would give; undefined if its layout is not known. Its tensors are views of it. */
  read(message: Uint8Array): PredictRequest | undefined {
    for (let i = 0; i < this.#known.length; i++) {
      const request = this.#known[i]!.read(message);
      if (request !== undefined) return request;
    }
    return undefined;
  }

  /** @param request the message, parsed. Called for each message of no known layout. */
  learn(message: Uint8Array, request: PredictRequest): void {
    if (this.#misses++ % LEARN_EVERY !== 0) return;
    const layout = PredictLayout.of(message, request);
    if (layout === undefined) return;
    this.#known[this.#next] = layout;
    this.#next = (this.#next + 1) % MAX_LAYOUTS;
  }
}

/**
 * A client sends the same PredictRequest again and again with other numbers in it. A layout is what such requests have
 * in common: all bytes but those of the numbers. A request of a known layout is not parsed (docs/adr/0024).
 *
 *   message   ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░░░░░░▓▓▓▓▓▓▓░░░░░░░░▓▓     ▓ names, dtypes, shapes, lengths: compared
 *                            tensor_content        float_val      ░ elements, whatever they are: read as views
 *
 * Elements of fixed width stand in the message as they are in memory. Strings, and integers that are varints, do not:
 * requests with them are parsed.
 */
class PredictLayout {
  readonly #messageBytes: number;
  readonly #places: readonly Place[];
  readonly #common: readonly Common[];
  readonly #rest: Pick<PredictRequest, 'modelSpec' | 'outputFilter'>;

  private constructor(message: Uint8Array, request: PredictRequest, places: readonly Place[]) {
    this.#messageBytes = message.byteLength;
    this.#rest = request;
    this.#places = places;
    this.#common = commonBytes(message, places);
  }

  /** The layout of a message; undefined if not every input stands in it, or if it is too long. */
  static of(message: Uint8Array, request: PredictRequest): PredictLayout | undefined {
    const places: Place[] = [];
    let elementBytes = 0;
    for (const [name, tensor] of request.inputs) {
      if (tensor.dtype === 'string' || tensor.data.buffer !== message.buffer) return undefined;
      const { dtype, shape, data } = tensor;
      places.push({ name, dtype, shape, start: data.byteOffset - message.byteOffset, byteLength: data.byteLength });
      elementBytes += data.byteLength;
    }
    return message.byteLength - elementBytes > MAX_COMMON_BYTES
      ? undefined
      : new PredictLayout(message, request, places);
  }

  read(message: Uint8Array): PredictRequest | undefined {
    if (message.byteLength !== this.#messageBytes || !this.#fits(message)) return undefined;
    const inputs = new Map<string, Tensor>();
    const { buffer, byteOffset } = message;
    for (let i = 0; i < this.#places.length; i++) {
      const { name, dtype, shape, start, byteLength } = this.#places[i]!;
      inputs.set(name, { dtype, shape, data: new Uint8Array(buffer, byteOffset + start, byteLength) });
    }
    const { modelSpec, outputFilter } = this.#rest;
    return { modelSpec, inputs, outputFilter };
  }

  #fits(message: Uint8Array): boolean {
    for (let i = 0; i < this.#common.length; i++) {
      const { start, bytes } = this.#common[i]!;
      for (let at = bytes.length - 1; at >= 0; at--) if (bytes[at] !== message[start + at]) return false;
    }
    return true;
  }
}

/** The bytes before, between and behind the places. No two places share a byte. */
function commonBytes(message: Uint8Array, places: readonly Place[]): readonly Common[] {
  const common: Common[] = [];
  let start = 0;
  const add = (end: number): void => {
    if (end > start) common.push({ start, bytes: Uint8Array.from(message.subarray(start, end)) });
  };
  for (const place of [...places].sort((a, b) => a.start - b.start)) {
    add(place.start);
    start = place.start + place.byteLength;
  }
  add(message.byteLength);
  return common;
}

const OUTPUTS = 1;

/**
 * PredictResponse → its outputs, of a recorded answer or of another server. Throws ServingError as readPredictRequest
 * does. Tensors are views of the message where they can be.
 */
export function readPredictResponse(message: Uint8Array, maxTensorBytes: number): TensorMap {
  const reader = new WireReader(message, 'PredictResponse');
  const outputs = new Map<string, Tensor>();
  const budget = tensorBudget(maxTensorBytes);
  while (reader.next()) {
    if (reader.tag === lengthDelimited(OUTPUTS)) readTensorEntry(reader, outputs, budget);
    else reader.skip();
  }
  return outputs;
}
