/**
 * Predict for the application in whose process the server runs: a request like those of the surfaces, which has no
 * message to decode and no answer to write.
 */

import { clientLeft } from '../../core/cancel.ts';
import { bytesPerElement, DTYPES } from '../../core/dtype.ts';
import { invalidRequest, type ServingError, toServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { Priority } from '../../core/priority.ts';
import { elementCount, formatShape } from '../../core/shape.ts';
import { byteLengthOfAll, copyOf, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { runCall } from '../../proxy/call.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { PredictCall } from '../../proxy/handlers/predict.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import type { LocalPredict } from './in-process.ts';

export interface LocalCallsOptions {
  readonly lifecycle: RequestLifecycle;
  readonly resolver: ModelResolver;
  readonly onInternalError: (error: unknown) => void;
}

/** The peer and the caller of such requests. */
const IN_PROCESS = 'in-process';

export class LocalCalls {
  readonly #options: LocalCallsOptions;

  constructor(options: LocalCallsOptions) {
    this.#options = options;
  }

  /** The outputs are the caller's own copies. Rejects with ServingError. */
  async predict(request: LocalPredict): Promise<TensorMap> {
    const { lifecycle, onInternalError } = this.#options;
    const { signal, timeoutMs, priority } = request;
    const context = lifecycle.begin({
      surface: 'rest',
      method: 'Predict',
      receivedAt: lifecycle.clock.nowMs(),
      timeoutMs,
      requestId: undefined,
      peer: IN_PROCESS,
      caller: IN_PROCESS,
      priority: priority === undefined ? undefined : Priority[priority],
      callerTrace: undefined,
    });
    const leave = (): void => context.cancel.cancel(clientLeft(context.stages.reached));
    signal?.addEventListener('abort', leave);
    if (signal?.aborted === true) leave();
    let error: ServingError | undefined;
    try {
      return await this.#run(request, context);
    } catch (thrown) {
      error = toServingError(thrown);
      if (error.kind === 'internal') onInternalError(error.cause ?? error);
      throw error;
    } finally {
      signal?.removeEventListener('abort', leave);
      context.cancel.listener = undefined;
      lifecycle.finish(context, error);
    }
  }

  async #run(request: LocalPredict, context: RequestContext): Promise<TensorMap> {
    const { model: name, version, label, signature: signatureName, outputs: outputFilter = [] } = request;
    const { lifecycle, resolver } = this.#options;
    context.cancel.throwIfCancelled();
    const inputs = checkedTensors(request.inputs);
    context.requestBytes = byteLengthOfAll(inputs);
    lifecycle.callerLimits?.takeRequest(context);
    const modelSpec = { name, version: version === undefined ? undefined : BigInt(version), label, signatureName };
    const outputs = await runCall(new PredictCall(resolver, { modelSpec, inputs, outputFilter }, context));
    context.cancel.throwIfCancelled();
    context.responseBytes = byteLengthOfAll(outputs);
    return new Map([...outputs].map(([output, tensor]) => [output, copyOf(tensor)]));
  }
}

/** Runtimes trust a tensor's shape: one that promises more bytes than there are would be read beyond its end. */
function checkedTensors(given: LocalPredict['inputs']): TensorMap {
  const inputs = given instanceof Map ? (given as TensorMap) : new Map(Object.entries(given));
  for (const [name, tensor] of inputs) {
    const fault = faultOf(tensor);
    if (fault !== undefined) throw invalidRequest(`input ${quoteName(name)} ${fault}`);
  }
  return inputs;
}

function faultOf({ dtype, shape, data }: Tensor): string | undefined {
  if (!DTYPES.includes(dtype)) return `has the dtype ${quoteName(String(dtype))}; there are ${DTYPES.join(', ')}`;
  if (!Array.isArray(shape) || !shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    return 'has no shape; send an array of whole numbers';
  }
  const count = elementCount(shape);
  if (dtype !== 'string') {
    const want = count * bytesPerElement(dtype);
    if (!(data instanceof Uint8Array)) return 'has no bytes; make it with numericTensor(dtype, shape, array)';
    return data.byteLength === want
      ? undefined
      : `has ${data.byteLength} bytes; ${dtype} ${formatShape(shape)} takes ${want}`;
  }
  const isWhole = Array.isArray(data) && data.every((element) => element instanceof Uint8Array);
  if (!isWhole) return 'has no elements; send a Uint8Array for each string';
  return data.length === count ? undefined : `has ${data.length} strings; ${formatShape(shape)} takes ${count}`;
}
