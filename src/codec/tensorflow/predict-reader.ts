/**
 * Predict's messages (tensorflow_serving/apis/predict.proto), read: PredictRequest → what handlers/predict takes, and
 * PredictResponse → its outputs.
 *
 * Tensors are views of the message where they can be: the message's buffer lives as long as they do, and is not
 * changed. Fields 5 to 7 (streaming and decoder options) are skipped, as TensorFlow Serving does. A request that is
 * like one before is not parsed at all (`PredictLayouts`).
 */
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { MessageLayouts } from '../protobuf/message-layouts.ts';
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

/** The layouts of PredictRequests, for `readPredictRequest`. */
export class PredictLayouts extends MessageLayouts<PredictRequest> {
  constructor() {
    super(({ modelSpec, outputFilter }, inputs) => ({ modelSpec, inputs, outputFilter }));
  }
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
