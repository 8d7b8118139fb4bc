/**
 * ModelInferRequest (grpc_service.proto) → InferRequest.
 *
 *   1 model_name, 2 model_version, 3 id, 4 parameters, 7 raw_input_contents
 *   5 inputs   {1 name, 2 datatype, 3 shape, 4 parameters, 5 contents}
 *   6 outputs  {1 name, 2 parameters}
 *
 * Raw contents, and floats in `contents`, become views of the message, whose buffer lives as long as they do and is not
 * changed. All inputs are raw, in the order of the inputs, or all are typed; but those in shared memory, which are
 * neither.
 */
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { cutName, listNames } from '../../core/list-names.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { MessageLayouts } from '../protobuf/message-layouts.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { type TensorBudget, tensorBudget } from '../tensorflow/tensor-proto/tensor-budget.ts';
import { inputDtype } from './datatypes.ts';
import {
  checkNameCount,
  checkParameterCount,
  duplicateInput,
  type InferRequest,
  isInSharedMemory,
  MAX_NAMES,
  mixedContents,
  NO_PARAMETERS,
  type Parameters,
  type RequestedOutput,
  type SharedInput,
  sharedAndSent,
} from './infer-request.ts';
import { type ReadParameters, readParameter } from './parameter-codec.ts';
import { chargedCount, emptyTensor, rawTensor } from './raw-tensor.ts';
import { shortText } from './short-text.ts';
import { TensorMessage } from './tensor-message.ts';

/** The layouts of ModelInferRequests, for `readInferRequest`. */
export class InferLayouts extends MessageLayouts<InferRequest> {
  constructor() {
    super(({ modelName, modelVersion, id, parameters, outputs }, inputs) => {
      return { modelName, modelVersion, id, parameters, inputs, outputs };
    });
  }
}

const NO_OUTPUTS: readonly RequestedOutput[] = [];
/** The most fields of a request that can be read: its id is not searched beyond these. */
const MAX_ID_FIELDS = 5 * MAX_NAMES;

/**
 * Throws ServingError: invalid_request, too_large (the tensors take more than
 * `maxTensorBytes` together). `layouts` belong to one reader of requests, always with the same `maxTensorBytes`.
 */
export function readInferRequest(message: Uint8Array, maxTensorBytes: number, layouts?: InferLayouts): InferRequest {
  const known = layouts?.read(message);
  if (known !== undefined) return known;
  const request = parse(message, maxTensorBytes);
  if (request.sharedInputs === undefined) layouts?.learn(message, request);
  return request;
}

function parse(message: Uint8Array, maxTensorBytes: number): InferRequest {
  const reader = new WireReader(message, 'ModelInferRequest');
  const read = new InferMessage();
  while (reader.next()) read.field(reader);
  const { modelName, modelVersion, id, parameters = NO_PARAMETERS, outputs = NO_OUTPUTS } = read;
  const head = { modelName, modelVersion, id, parameters, outputs };
  const budget = tensorBudget(maxTensorBytes);
  if (!read.inputs.some(isShared)) return { ...head, inputs: readTensors(reader, read, read.inputs, budget) };
  const sharedInputs = read.inputs.filter(isShared).map((input) => sharedInput(input, budget));
  const sent = read.inputs.filter((input) => !isShared(input));
  return { ...head, inputs: readTensors(reader, read, sent, budget), sharedInputs };
}

function isShared({ parameters }: TensorMessage): boolean {
  return parameters !== undefined && isInSharedMemory(parameters);
}

function sharedInput(tensor: TensorMessage, budget: TensorBudget): SharedInput {
  const { name, datatype, shape, parameters = NO_PARAMETERS, contents } = tensor;
  if (!contents.isEmpty) throw sharedAndSent(name, 'contents');
  const head = { name, dtype: inputDtype(name, datatype), shape };
  chargedCount(head, budget);
  return { ...head, parameters };
}

/** The message as it was read, without the tensors' elements. */
class InferMessage {
  modelName = '';
  modelVersion = '';
  id = '';
  parameters: ReadParameters;
  readonly inputs: TensorMessage[] = [];
  outputs: RequestedOutput[] | undefined;
  readonly raw: Uint8Array[] = [];
  /** The parameters of all tensors together. */
  #parameterCount = 0;

  field(reader: WireReader): void {
    switch (reader.tag) {
      case lengthDelimited(1):
        this.modelName = shortText(reader, 'model_name');
        break;
      case lengthDelimited(2):
        this.modelVersion = shortText(reader, 'model_version');
        break;
      case lengthDelimited(3):
        this.id = shortText(reader, 'id');
        break;
      case lengthDelimited(4):
        this.parameters = readParameter(reader, 'parameters', this.parameters);
        break;
      case lengthDelimited(5):
        checkNameCount('inputs', this.inputs.push(this.#counted(TensorMessage.read(reader))));
        break;
      case lengthDelimited(6):
        this.outputs ??= [];
        checkNameCount('outputs', this.outputs.push(this.#counted(readOutput(reader))));
        break;
      case lengthDelimited(7):
        checkNameCount('raw_input_contents', this.raw.push(reader.bytesField()));
        break;
      default:
        reader.skip();
    }
  }

  #counted<Named extends { readonly parameters: Parameters | undefined }>(tensor: Named): Named {
    this.#parameterCount += tensor.parameters?.size ?? 0;
    checkParameterCount(this.#parameterCount);
    return tensor;
  }
}

/**
 * The id of a request that may not be readable otherwise, or has not come whole; '' if it has none, or none within its
 * first fields.
 */
export function readInferId(message: Uint8Array): string {
  const reader = new WireReader(message, 'ModelInferRequest');
  let id = '';
  try {
    for (let fields = 0; fields < MAX_ID_FIELDS && reader.next(); fields++) {
      if (reader.tag === lengthDelimited(3)) id = shortText(reader, 'id');
      else reader.skip();
    }
  } catch {
    // The fields before the fault count.
  }
  return id;
}

function readOutput(reader: WireReader): RequestedOutput {
  let name = '';
  let parameters: ReadParameters;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = shortText(reader, 'the name of an output');
    else if (reader.tag === lengthDelimited(2)) {
      parameters = readParameter(reader, 'parameters of an output', parameters);
    } else reader.skip();
  }
  reader.leave(outer);
  return { name, parameters: parameters ?? NO_PARAMETERS };
}

function readTensors(
  reader: WireReader,
  { modelName: model, raw }: InferMessage,
  heads: readonly TensorMessage[],
  budget: TensorBudget,
): TensorMap {
  const inputs = new Map<string, Tensor>();
  const isRaw = raw.length > 0;
  for (const { name, contents } of heads) {
    if (isRaw && !contents.isEmpty) throw mixedContents(name, model);
  }
  if (isRaw && raw.length !== heads.length) throw wrongRawCount(heads, raw.length, model);
  for (let i = 0; i < heads.length; i++) {
    const { name, datatype, shape, contents } = heads[i]!;
    if (inputs.has(name)) throw duplicateInput(name);
    const head = { name, dtype: inputDtype(name, datatype), shape };
    if (isRaw) inputs.set(name, rawTensor(head, raw[i]!, budget));
    else if (!contents.isEmpty) inputs.set(name, contents.read(reader, head, budget));
    else if (chargedCount(head, budget) === 0) inputs.set(name, emptyTensor(head));
    else throw noElements(name, model);
  }
  return inputs;
}

function wrongRawCount(heads: readonly TensorMessage[], sent: number, model: string): ServingError {
  const names = listNames(heads.map(({ name }) => name));
  const missing = heads[sent]?.name;
  const words = missing === undefined ? '' : `${noData(missing, model)}: `;
  return invalidRequest(
    `${words}raw_input_contents has ${sent} entries, but there are ${heads.length} inputs: ${names}; send one entry for each, ` +
      'in their order',
  );
}

function noElements(name: string, model: string): ServingError {
  return invalidRequest(`${noData(name, model)}; send its elements in contents, or all in raw_input_contents`);
}

/** Triton's words. */
function noData(name: string, model: string): string {
  return `unable to find data for input tensor '${cutName(name)}' for model '${cutName(model)}' in request`;
}
