/**
 * The scheduler's facts about one signature: how its requests are counted in rows, how large a run may be, how many of
 * its rows wait.
 *
 * Rows are dim 0 of the inputs. A signature without a batch axis (or without inputs) has no rows: each request is run
 * alone and unchanged ("whole"), and counts as one row in the queue.
 *
 * A request with 0 rows is answered without a run if the signature tells the outputs' shapes. Else it is run whole,
 * with size 0. With a fixed batch size there is no row to pad with, so it is refused.
 */
import type { Instant } from '../core/clock.ts';
import { bytesPerElement } from '../core/dtype.ts';
import { ServingError } from '../core/errors.ts';
import { elementCount, formatShape } from '../core/shape.ts';
import type { Signature } from '../core/signature.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import { KnownGood } from './batch/known-good.ts';
import type { LatencyCurve } from './latency/latency-curve.ts';
import { LatencyModel } from './latency/latency-model.ts';
import { RateWindow } from './rate-window.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { ARRIVAL_SPAN_MS, MIN_OBJECTIVE_MS, OBJECTIVE_RUNS, UNKNOWN_OBJECTIVE_MS } from './tuning.ts';

export class SignaturePlan {
  readonly name: string;
  readonly inputNames: readonly string[];
  /** Requests are never merged, cut or padded. */
  readonly isWhole: boolean;
  /** Most rows in one run. */
  readonly maxBatchSize: number;
  /** Sizes that a run may have, ascending; empty = any. */
  readonly sizes: readonly number[];
  /** Rows that may wait before requests are refused. */
  readonly maxQueuedRows: number;
  /** Rows that wait now, over all lanes. Written by the TaskQueue. */
  queuedRows = 0;
  /** All requests' rows have the same shape: lanes differ only in their outputs. */
  readonly hasFixedRows: boolean;
  /** Written by the TaskQueue where `hasFixedRows`: the outputs of the last request, and its lane's key. */
  lastOutputs: readonly string[] | undefined;
  lastKey = '';
  /** When a run last taught the curve, and when a request was last admitted as a probe. */
  learnedAt: Instant = 0;
  probedAt: Instant = 0;
  /** How long its runs take. */
  readonly curve: LatencyCurve;
  /** Rows that came lately, refused ones included. */
  readonly arrivals = new RateWindow(ARRIVAL_SPAN_MS, 0);
  /** Requests whose rows differ in shape are padded to the largest and share runs. */
  readonly isPadded: boolean;
  /** Bytes of one row of all inputs; undefined where the signature does not tell. */
  readonly rowBytes: number | undefined;
  readonly signature: Signature;
  /** A request to try the runtime with. */
  readonly good = new KnownGood();
  readonly #sloMs: number | undefined;

  constructor(name: string, signature: Signature, options: SchedulerOptions, model = new LatencyModel()) {
    const { batchAxis } = signature;
    this.name = name;
    this.signature = signature;
    this.#sloMs = options.sloMs;
    this.inputNames = [...signature.inputs.keys()];
    this.isWhole = batchAxis.kind === 'none' || this.inputNames.length === 0;
    const isFixed = batchAxis.kind === 'fixed';
    this.maxBatchSize = this.isWhole ? 1 : isFixed ? batchAxis.size : options.maxBatchSize;
    this.sizes = this.isWhole ? [] : isFixed ? [batchAxis.size] : options.allowedBatchSizes;
    this.hasFixedRows = [...signature.inputs.values()].every(({ shape }) => shape?.slice(1).includes(-1) === false);
    this.isPadded = options.padVariableLengthInputs === true && !this.isWhole && !this.hasFixedRows;
    this.curve = model.curveOf(name, this.maxBatchSize, this.sizes);
    this.rowBytes = this.hasFixedRows ? bytesOfRow(signature) : undefined;
    this.maxQueuedRows = options.maxEnqueuedBatches * this.maxBatchSize;
  }

  /** The objective was configured, not learned: requests may be refused for it. */
  get hasObjective(): boolean {
    return this.#sloMs !== undefined;
  }

  /** How long a request without a deadline should take. */
  get objectiveMs(): number {
    if (this.#sloMs !== undefined) return this.#sloMs;
    if (!this.curve.isKnown) return UNKNOWN_OBJECTIVE_MS;
    return Math.max(MIN_OBJECTIVE_MS, OBJECTIVE_RUNS * this.curve.meanMs(1));
  }

  /** Rows that the runtime will see for `rows` rows: the next allowed size. */
  sizeFor(rows: number): number {
    for (const size of this.sizes) if (size >= rows) return size;
    return rows;
  }

  /**
   * Rows of a request; 1 where it is run whole. Throws `invalid_request` when its inputs do not agree, since the
   * request would damage the batch that it is copied into.
   */
  rowsOf(inputs: TensorMap): number {
    let rows = -1;
    for (const name of this.inputNames) {
      const tensor = inputs.get(name);
      if (tensor === undefined) throw this.#missing(name, inputs);
      checkFilled(name, tensor);
      if (this.isWhole) continue;
      if (tensor.shape.length === 0) throw this.#scalar(name);
      if (rows === -1) rows = tensor.shape[0]!;
      else if (tensor.shape[0] !== rows) throw this.#unequal(inputs);
    }
    return this.isWhole ? 1 : rows;
  }

  /** The answer to a request with 0 rows; undefined where the signature does not tell it. */
  emptyAnswer(outputs: readonly string[]): TensorMap | undefined {
    const answer = new Map<string, Tensor>();
    for (const name of outputs) {
      const spec = this.signature.outputs.get(name);
      const rest = spec?.shape?.slice(1);
      if (spec?.shape === undefined || spec.shape.length === 0 || rest === undefined || rest.includes(-1)) {
        return undefined;
      }
      const shape = [0, ...rest];
      if (spec.dtype === 'string') answer.set(name, { dtype: 'string', shape, data: [] });
      else answer.set(name, { dtype: spec.dtype, shape, data: new Uint8Array(0) });
    }
    return answer;
  }

  get isFixed(): boolean {
    return this.signature.batchAxis.kind === 'fixed';
  }

  #missing(name: string, inputs: TensorMap): ServingError {
    const sent = [...inputs.keys()].map((n) => `"${n}"`).join(', ') || 'none';
    return new ServingError('invalid_request', `input "${name}" is missing; sent: ${sent}; send every input`);
  }

  #scalar(name: string): ServingError {
    return new ServingError(
      'invalid_request',
      `input "${name}" is a scalar, but dim 0 of every input of signature "${this.name}" is the batch; ` +
        'send one row as shape [1]',
    );
  }

  #unequal(inputs: TensorMap): ServingError {
    const sizes = this.inputNames.map((n) => `"${n}" ${formatShape(inputs.get(n)?.shape)}`).join(', ');
    return new ServingError(
      'invalid_request',
      `inputs differ in dim 0, the batch: ${sizes}; send the same number of rows in each`,
    );
  }
}

/** Undefined where an input has strings: a signature does not tell their lengths. */
function bytesOfRow({ inputs }: Signature): number | undefined {
  let bytes = 0;
  for (const { dtype, shape } of inputs.values()) {
    if (dtype === 'string' || shape === undefined) return undefined;
    bytes += elementCount(shape.slice(1)) * bytesPerElement(dtype);
  }
  return bytes;
}

function checkFilled(name: string, tensor: Tensor): void {
  const perElement = tensor.dtype === 'string' ? 1 : bytesPerElement(tensor.dtype);
  const want = elementCount(tensor.shape) * perElement;
  if (tensor.data.length === want) return;
  const unit = tensor.dtype === 'string' ? 'elements' : 'bytes';
  throw new ServingError(
    'invalid_request',
    `input "${name}" has ${tensor.data.length} ${unit}, ` +
      `but ${tensor.dtype} ${formatShape(tensor.shape)} takes ${want}; send as many`,
  );
}
