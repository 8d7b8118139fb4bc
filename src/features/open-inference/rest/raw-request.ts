/**
 * A "raw binary request": the body is the data of the model's only input. Nothing says its shape, so the model does:
 * one row, and at most one dim whose size follows from the number of bytes. BYTES is one element, without its length.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md
 */
import { type InferRequest, NO_PARAMETERS } from '../../../codec/open-inference/infer-request.ts';
import { bytesPerElement } from '../../../core/dtype.ts';
import { invalidRequest, type ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { elementCount, formatShape } from '../../../core/shape.ts';
import type { TensorSpec } from '../../../core/signature.ts';
import type { Tensor } from '../../../core/tensor.ts';
import type { OpenInferenceInputs } from '../model-lookups.ts';

const FIX = 'send JSON in front of the tensors, and its length in Inference-Header-Content-Length';

/** The tensor is a view of the body. Throws `invalid_request` where the model says too little about its input. */
export function rawInput(
  model: OpenInferenceInputs,
  body: Uint8Array,
): Omit<InferRequest, 'modelName' | 'modelVersion'> {
  const [input, more] = model.inputs;
  if (input === undefined || more !== undefined) {
    throw invalidRequest(
      'Raw request must only have 1 input (found 1) to be deduced but got ' +
        `${model.inputs.size} inputs in '${model.name}' model configuration; ${FIX}`,
    );
  }
  const [name, spec] = input;
  return {
    id: '',
    parameters: NO_PARAMETERS,
    inputs: new Map([[name, tensorOf(name, spec, model.haveRows, body)]]),
    outputs: [],
  };
}

function tensorOf(name: string, spec: TensorSpec, haveRows: boolean, body: Uint8Array): Tensor {
  const { dtype, shape: whole = [-1] } = spec;
  const batch = haveRows ? [1] : [];
  const dims = whole.slice(batch.length);
  const free = dims.filter((dim) => dim === -1).length;
  if (free > 1) throw cannotTell(name, 'because there are more than one variable-sized dimension');
  if (dtype === 'string') {
    const shape = [...batch, ...dims.map((dim) => (dim === -1 ? 1 : dim))];
    if (elementCount(shape) !== 1) throw cannotTell(name, `from BYTES of shape ${formatShape([...batch, ...dims])}`);
    return { dtype, shape, data: [body] };
  }
  const elements = body.byteLength / bytesPerElement(dtype);
  const known = elementCount(dims.filter((dim) => dim !== -1));
  const size = free === 0 ? 1 : elements / known;
  const shape = [...batch, ...dims.map((dim) => (dim === -1 ? size : dim))];
  if (Number.isInteger(size) && elementCount(shape) === elements) return { dtype, shape, data: body };
  throw invalidRequest(
    `a raw binary request has ${body.byteLength} bytes, and input ${quoteName(name)} of shape ` +
      `${formatShape([...batch, ...dims])} does not fit them; send one row, or ${FIX.slice('send '.length)}`,
  );
}

function cannotTell(name: string, what: string): ServingError {
  return invalidRequest(`The shape of the raw input '${name}' can not be deduced ${what}; ${FIX}`);
}
