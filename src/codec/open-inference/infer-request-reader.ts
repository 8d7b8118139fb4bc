/**
 * ModelInferRequest (grpc_service.proto) → InferRequest.
 *
 *   1 model_name, 2 model_version, 3 id, 4 parameters, 7 raw_input_contents
 *   5 inputs   {1 name, 2 datatype, 3 shape, 4 parameters, 5 contents}
 *   6 outputs  {1 name, 2 parameters}
 *
 * Raw contents, and floats in `contents`, become views of the message, whose buffer lives as long as they do and is not
 * changed. All inputs are raw, in the order of the inputs, or all are typed.
 */
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { lengthDelimited, varintTag, WireReader } from '../protobuf/wire-reader.ts';
import { type TensorBudget, tensorBudget } from '../tensorflow/tensor-proto/tensor-budget.ts';
import { inputDtype } from './datatypes.ts';
import {
  checkInputParameters,
  checkNameCount,
  duplicateInput,
  type InferRequest,
  mixedContents,
  NO_PARAMETERS,
  type RequestedOutput,
} from './infer-request.ts';
import { type ReadParameters, readParameter } from './parameter-codec.ts';
import { chargedCount, rawTensor } from './raw-tensor.ts';
import { TypedContents } from './typed-contents.ts';

const NO_OUTPUTS: readonly RequestedOutput[] = [];
/** As many dims as a tensor of TensorFlow Serving's may have. */
const MAX_RANK = 254;

/** One of `inputs`, without its elements. */
interface InputHead {
  name: string;
  datatype: string;
  readonly shape: number[];
  parameters: ReadParameters;
  readonly contents: TypedContents;
}

/**
 * Throws ServingError: invalid_request, unsupported (shared memory), too_large (the tensors take more than
 * `maxTensorBytes` together).
 */
export function readInferRequest(message: Uint8Array, maxTensorBytes: number): InferRequest {
  const reader = new WireReader(message, 'ModelInferRequest');
  const heads: InputHead[] = [];
  const raw: Uint8Array[] = [];
  let modelName = '';
  let modelVersion = '';
  let id = '';
  let parameters: ReadParameters;
  let outputs: RequestedOutput[] | undefined;
  while (reader.next()) {
    switch (reader.tag) {
      case lengthDelimited(1):
        modelName = reader.string();
        break;
      case lengthDelimited(2):
        modelVersion = reader.string();
        break;
      case lengthDelimited(3):
        id = reader.string();
        break;
      case lengthDelimited(4):
        parameters = readParameter(reader, 'parameters', parameters);
        break;
      case lengthDelimited(5):
        checkNameCount('inputs', heads.push(readInput(reader)));
        break;
      case lengthDelimited(6):
        outputs ??= [];
        checkNameCount('outputs', outputs.push(readOutput(reader)));
        break;
      case lengthDelimited(7):
        checkNameCount('raw_input_contents', raw.push(reader.bytesField()));
        break;
      default:
        reader.skip();
    }
  }
  const inputs = readTensors(reader, heads, raw, tensorBudget(maxTensorBytes));
  return {
    ...{ modelName, modelVersion, id, inputs },
    parameters: parameters ?? NO_PARAMETERS,
    outputs: outputs ?? NO_OUTPUTS,
  };
}

/** The id of a request that may not be readable otherwise; '' if it has none. */
export function readInferId(message: Uint8Array): string {
  const reader = new WireReader(message, 'ModelInferRequest');
  let id = '';
  try {
    while (reader.next()) {
      if (reader.tag === lengthDelimited(3)) id = reader.string();
      else reader.skip();
    }
  } catch {
    // What came before the fault counts.
  }
  return id;
}

function readInput(reader: WireReader): InputHead {
  const head: InputHead = {
    name: '',
    datatype: '',
    shape: [],
    parameters: undefined,
    contents: new TypedContents(),
  };
  const outer = reader.enter();
  while (reader.next()) {
    switch (reader.tag) {
      case lengthDelimited(1):
        head.name = reader.string();
        break;
      case lengthDelimited(2):
        head.datatype = reader.string();
        break;
      case varintTag(3):
      case lengthDelimited(3):
        readDims(reader, head);
        break;
      case lengthDelimited(4):
        head.parameters = readParameter(reader, 'parameters of an input', head.parameters);
        break;
      case lengthDelimited(5):
        head.contents.scan(reader);
        break;
      default:
        reader.skip();
    }
  }
  reader.leave(outer);
  return head;
}

/** One dim, or a packed run of them. */
function readDims(reader: WireReader, { name, shape }: InputHead): void {
  const isPacked = reader.tag === lengthDelimited(3);
  const outer = isPacked ? reader.enter() : reader.end;
  do {
    if (isPacked && reader.position === reader.end) break;
    if (shape.length === MAX_RANK) {
      throw invalidRequest(`input ${quoteName(name)} has more than ${MAX_RANK} dims; send a shape of fewer`);
    }
    shape.push(reader.int64AsNumber());
  } while (isPacked);
  if (isPacked) reader.leave(outer);
}

function readOutput(reader: WireReader): RequestedOutput {
  let name = '';
  let parameters: ReadParameters;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = reader.string();
    else if (reader.tag === lengthDelimited(2)) {
      parameters = readParameter(reader, 'parameters of an output', parameters);
    } else reader.skip();
  }
  reader.leave(outer);
  return { name, parameters: parameters ?? NO_PARAMETERS };
}

function readTensors(
  reader: WireReader,
  heads: readonly InputHead[],
  raw: readonly Uint8Array[],
  budget: TensorBudget,
): TensorMap {
  const inputs = new Map<string, Tensor>();
  const isRaw = raw.length > 0;
  for (const { name, parameters, contents } of heads) {
    if (parameters !== undefined) checkInputParameters(name, parameters);
    if (isRaw && !contents.isEmpty) throw mixedContents(name, 'contents', 'raw_input_contents');
  }
  if (isRaw && raw.length !== heads.length) throw wrongRawCount(heads, raw.length);
  for (let i = 0; i < heads.length; i++) {
    const { name, datatype, shape, contents } = heads[i]!;
    if (inputs.has(name)) throw duplicateInput(name);
    const head = { name, dtype: inputDtype(name, datatype), shape };
    if (isRaw) inputs.set(name, rawTensor(head, raw[i]!, budget));
    else if (!contents.isEmpty) inputs.set(name, contents.read(reader, head, budget));
    else if (chargedCount(head, budget) === 0) inputs.set(name, emptyTensor(head));
    else throw noElements(name);
  }
  return inputs;
}

function emptyTensor({ dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>): Tensor {
  return dtype === 'string' ? { dtype, shape, data: [] } : { dtype, shape, data: new Uint8Array(0) };
}

function wrongRawCount(heads: readonly InputHead[], sent: number): ServingError {
  const names = listNames(heads.map(({ name }) => name));
  return invalidRequest(
    `raw_input_contents has ${sent} entries, but there are ${heads.length} inputs: ${names}; send one entry for each, ` +
      'in their order',
  );
}

function noElements(name: string): ServingError {
  return invalidRequest(
    `input ${quoteName(name)} has no elements; send them in contents, or all inputs in raw_input_contents`,
  );
}
