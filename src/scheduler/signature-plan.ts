/**
 * The scheduler's facts about one signature: how its requests are counted in rows, how large a run may be, how many of
 * its rows wait.
 *
 * Rows are dim 0 of the inputs, or the dim that the signature's `batchAxes` name. A signature without a batch axis (or
 * without inputs) has no rows: each request is run alone and unchanged ("whole"), and counts as one row in the queue.
 * With `maxBatchSize` 1 nothing is shared, so that a request is run as it came, too, unless the model has a fixed size.
 *
 * A request whose shapes are not the declared ones is whole, too: which of its dims is the batch is not known. So is
 * one whose inputs differ in their rows: the graph may broadcast one to the other. The graph may take it or refuse it;
 * either way it neither meets other requests nor teaches how long runs take.
 *
 * A request with 0 rows is answered without a run if the signature tells the outputs' shapes. Else it is run whole,
 * with size 0. With a fixed batch size there is no row to pad with, so it is refused.
 */
import type { Instant } from '../core/clock.ts';
import { bytesPerElement } from '../core/dtype.ts';
import { ServingError } from '../core/errors.ts';
import { LARGE_ROW_BYTES } from '../core/executor.ts';
import { elementCount, formatShape, type Shape, withRows } from '../core/shape.ts';
import {
  axisOf,
  type BatchAxes,
  type LengthPadding,
  ownAxes,
  type Signature,
  type TensorSpec,
} from '../core/signature.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import { Backlog } from './admission/backlog.ts';
import { EfficientBatchSize } from './batch/efficient-batch-size.ts';
import { KnownGood } from './batch/known-good.ts';
import { LatencyModel } from './latency/latency-model.ts';
import { LatenessMargin } from './latency/lateness-margin.ts';
import { RefusedPlaces } from './latency/refused-places.ts';
import type { ThreadCurves } from './latency/thread-curves.ts';
import { RateWindow } from './rate-window.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import {
  ARRIVAL_SPAN_MS,
  BURST_LATE_SHARE,
  EFFICIENT_SIZE_BYTES,
  EFFICIENT_SIZE_SHORT_RUN_BYTES,
  MAX_OBJECTIVE_MS,
  MAX_OBJECTIVE_RUNS,
  MIN_OBJECTIVE_MS,
  MOST_ROW_CLASSES,
  OBJECTIVE_RUNS,
  STANDING_LATE_SHARE,
  STRICT_LATE_SHARE,
  UNKNOWN_OBJECTIVE_MS,
} from './tuning.ts';

/** The inputs of a request do not have the same number of rows. */
export const UNEQUAL_ROWS = -1;

/** The part of a task that says whom its end teaches. */
interface LostTask {
  readonly isSoft: boolean;
  readonly margin: LatenessMargin | undefined;
  readonly rows: number;
}

export class SignaturePlan {
  readonly name: string;
  readonly inputNames: readonly string[];
  /** The dim of each tensor that has the rows; undefined = dim 0 of every tensor, the fast path. */
  readonly axes: BatchAxes | undefined;
  /** An input must be the same within a batch. */
  readonly hasSameInputs: boolean;
  /** Lanes that hold tasks, where `hasSameInputs`. Written by the TaskQueue. */
  laneCount = 0;
  /** Sizes that a run may have, ascending; empty = any. */
  readonly sizes: readonly number[];
  /** Rows that wait now, over all lanes. Written by the TaskQueue. */
  queuedRows = 0;
  /** All requests' rows have the same shape: lanes differ only in their outputs. */
  readonly hasFixedRows: boolean;
  /** When a run last taught the curve, and when a request was last admitted as a probe. */
  learnedAt: Instant = 0;
  probedAt: Instant = 0;
  /** How long its runs take. */
  readonly curve: ThreadCurves;
  /** Tells a burst of waiting rows from a standing queue. */
  readonly backlog = new Backlog();
  /** The time that admission keeps free for errors of its forecasts: in a burst, and in overload that stands. */
  readonly burstMargin: LatenessMargin;
  readonly standingMargin: LatenessMargin;
  /** When the request was due that was refused last because it would be late; −Infinity = its place is taken. */
  refusedDue: Instant = -Infinity;
  /** All that were refused lately because they would be late. */
  readonly refused = new RefusedPlaces();
  /** Rows that came lately, refused ones included. */
  readonly arrivals = new RateWindow(ARRIVAL_SPAN_MS, 0);
  /** Rows that came lately and went before others that waited longer (callers/holdings.ts). */
  readonly overtaking = new RateWindow(ARRIVAL_SPAN_MS, 0);
  /** How requests whose rows differ in length share runs; undefined = they do not. */
  readonly padding: LengthPadding | undefined;
  /** Bytes of one row of all inputs; undefined where the signature does not tell. */
  readonly rowBytes: number | undefined;
  readonly signature: Signature;
  /** A request to try the runtime with. */
  readonly good = new KnownGood();
  /** The sizes by the size class of rows. */
  readonly #efficientSizes = new Map<number, EfficientBatchSize>();
  readonly #options: SchedulerOptions;
  /** Requests are never merged, cut or padded. Only `runWhole` changes this and the next two. */
  isWhole: boolean;
  /** Most rows in one run. */
  maxBatchSize: number;
  /** Why its requests are run whole although the signature has a batch axis; undefined = they are not. */
  wholeReason: string | undefined;

  constructor(name: string, signature: Signature, options: SchedulerOptions, model = new LatencyModel()) {
    const { batchAxis } = signature;
    this.name = name;
    this.signature = signature;
    this.#options = options;
    const isStrict = options.isStrict === true;
    this.burstMargin = new LatenessMargin(isStrict ? STRICT_LATE_SHARE : BURST_LATE_SHARE);
    this.standingMargin = new LatenessMargin(isStrict ? STRICT_LATE_SHARE : STANDING_LATE_SHARE);
    this.inputNames = [...signature.inputs.keys()];
    const isFixed = batchAxis.kind === 'fixed';
    const isAlone = batchAxis.kind === 'dynamic' && options.maxBatchSize === 1;
    this.isWhole = batchAxis.kind === 'none' || isAlone || this.inputNames.length === 0;
    this.maxBatchSize = this.isWhole ? 1 : isFixed ? batchAxis.size : options.maxBatchSize;
    this.sizes = this.isWhole ? [] : isFixed ? [batchAxis.size] : options.allowedBatchSizes;
    this.axes = this.isWhole ? undefined : ownAxes(signature);
    const axes = this.inputNames.map((name) => axisOf(this.axes, name));
    this.hasSameInputs = axes.includes('same');
    const specs = [...signature.inputs.values()];
    this.hasFixedRows =
      !this.hasSameInputs && specs.every((spec, i) => rowShape(spec, axes[i]!)?.includes(-1) === false);
    this.padding = this.isWhole ? undefined : signature.padding;
    this.curve = model.curveOf(name, this.maxBatchSize, this.sizes, this.padding !== undefined);
    this.rowBytes = this.hasFixedRows ? bytesOfRow(specs, axes) : undefined;
  }

  /** The size that is worth it for rows of about so many bytes; undefined = any size is worth it, or has to be. */
  efficientSizeOf(rowBytes: number): EfficientBatchSize | undefined {
    if (this.maxBatchSize === 1 || this.isFixed) return undefined;
    const sizeClass = Math.min(MOST_ROW_CLASSES, Math.ceil(Math.log2(Math.max(1, rowBytes))));
    let efficientSize = this.#efficientSizes.get(sizeClass);
    if (efficientSize === undefined) {
      const isLarge = rowBytes >= LARGE_ROW_BYTES;
      const mostUnjudged = isLarge ? EFFICIENT_SIZE_SHORT_RUN_BYTES / rowBytes : Infinity;
      const { batchMemoryBytes = EFFICIENT_SIZE_BYTES, readResident = () => 0 } = this.#options;
      efficientSize = new EfficientBatchSize({
        maxRows: this.maxBatchSize,
        allowed: this.sizes,
        isLarge,
        mostUnjudged,
        mayTry: (rows) => rows <= mostUnjudged || this.#options.runsInline?.() !== true,
        maxBytes: batchMemoryBytes,
        readResident,
      });
      this.#efficientSizes.set(sizeClass, efficientSize);
    }
    return efficientSize;
  }

  /** A run that was measured at load: its rows are the requests' own only where they all have one shape. */
  seedEfficientSize(threads: number, rows: number, runMs: number, now: Instant): void {
    if (this.rowBytes !== undefined) this.efficientSizeOf(this.rowBytes)?.seed(threads, rows, runMs, now);
  }

  /** Rows that may wait before requests are refused. */
  get maxQueuedRows(): number {
    return this.#options.maxEnqueuedBatches * this.maxBatchSize;
  }

  /** The model has shown that it has no such batch axis: from now on its requests are run as they come. */
  runWhole(reason: string): void {
    this.wholeReason ??= reason;
    this.isWhole = true;
    this.maxBatchSize = 1;
  }

  /** The objective was configured, not learned: requests may be refused for it. */
  get hasObjective(): boolean {
    return this.#options.sloMs !== undefined;
  }

  /** How long a request without a deadline should take. */
  get objectiveMs(): number {
    const { sloMs } = this.#options;
    if (sloMs !== undefined) return sloMs;
    if (!this.curve.isKnown) return UNKNOWN_OBJECTIVE_MS;
    const runMs = this.curve.meanMs(1);
    const most = Math.max(MAX_OBJECTIVE_MS, MAX_OBJECTIVE_RUNS * runMs);
    return Math.min(most, Math.max(MIN_OBJECTIVE_MS, OBJECTIVE_RUNS * runMs));
  }

  /** Rows that the runtime will see for `rows` rows: the next allowed size. */
  sizeFor(rows: number): number {
    for (const size of this.sizes) if (size >= rows) return size;
    return rows;
  }

  /** A task was admitted with a forecast, and its deadline has ended its wait. */
  onLost({ isSoft, margin, rows }: LostTask): void {
    if (!isSoft) margin?.onLate(rows, this.curve.meanMs(this.maxBatchSize), this.maxBatchSize);
  }

  /**
   * Rows of a request; 1 where it is run whole; UNEQUAL_ROWS where its inputs differ in them. Throws `invalid_request`
   * for an input that would damage the batch that it is copied into.
   */
  rowsOf(inputs: TensorMap, isOddShape = false): number {
    const isWhole = this.isWhole || isOddShape;
    let rows: number | undefined;
    let areEqual = true;
    for (const name of this.inputNames) {
      const tensor = inputs.get(name);
      if (tensor === undefined) throw this.#missing(name, inputs);
      checkFilled(name, tensor);
      if (isWhole) continue;
      const axis = this.axes === undefined ? 0 : axisOf(this.axes, name);
      if (axis === 'same') continue;
      if (tensor.shape.length <= axis) throw this.#withoutAxis(name, tensor, axis);
      rows ??= tensor.shape[axis]!;
      areEqual &&= tensor.shape[axis] === rows;
    }
    if (isWhole) return 1;
    return areEqual ? (rows ?? UNEQUAL_ROWS) : UNEQUAL_ROWS;
  }

  /** How the rows of a request's inputs differ, and what a graph that refuses that wants: two clauses. */
  unequalRows(inputs: TensorMap): string {
    const named = this.inputNames.filter((name) => axisOf(this.axes, name) !== 'same');
    const at = (name: string): string => (this.axes === undefined ? '' : ` at dim ${axisOf(this.axes, name)}`);
    const sizes = named.map((name) => `"${name}" ${formatShape(inputs.get(name)?.shape)}${at(name)}`).join(', ');
    const where = this.axes === undefined ? 'dim 0, the batch' : 'the batch';
    return `inputs differ in ${where}: ${sizes}; send the same number of rows in each`;
  }

  /** The answer to a request with 0 rows; undefined where the signature does not tell it. */
  emptyAnswer(outputs: readonly string[]): TensorMap | undefined {
    const answer = new Map<string, Tensor>();
    for (const name of outputs) {
      const spec = this.signature.outputs.get(name);
      const axis = axisOf(this.axes, name);
      if (spec?.shape === undefined || axis === 'same' || axis >= spec.shape.length) return undefined;
      const shape = withRows(spec.shape, axis, 0);
      if (shape.includes(-1)) return undefined;
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

  #withoutAxis(name: string, { shape }: Tensor, axis: number): ServingError {
    const what = shape.length === 0 ? 'a scalar' : formatShape(shape);
    const whose = this.axes === undefined ? 'of every input' : 'of it';
    return new ServingError(
      'invalid_request',
      `input "${name}" is ${what}, but dim ${axis} ${whose} in signature "${this.name}" is the batch; ` +
        `send one row as shape ${axis === 0 ? '[1]' : `[${'?,'.repeat(axis)}1]`}`,
    );
  }
}

/** The dims of one row: all but the batch axis. */
function rowShape({ shape }: TensorSpec, axis: number | 'same'): Shape | undefined {
  return axis === 'same' ? shape : shape?.filter((_, dim) => dim !== axis);
}

/** Undefined where an input has strings: a signature does not tell their lengths. */
function bytesOfRow(specs: readonly TensorSpec[], axes: readonly (number | 'same')[]): number | undefined {
  let bytes = 0;
  for (const [i, spec] of specs.entries()) {
    const row = rowShape(spec, axes[i]!);
    if (spec.dtype === 'string' || row === undefined) return undefined;
    bytes += elementCount(row) * bytesPerElement(spec.dtype);
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
