/**
 * How long does a model that was just loaded take for a batch? Tried out on made-up rows of its signatures' shapes.
 *
 * The rows are zeros and free dims are 1: what any model can be expected to take (0 is an index into any table). So the
 * answer is the least that real requests may take; a host that was chosen by it is watched (slow-watch.ts).
 */
import { bytesPerElement } from '../../core/dtype.ts';
import type { Batch } from '../../core/executor.ts';
import { elementCount, type Shape } from '../../core/shape.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import { byteLengthOfAll, type Tensor } from '../../core/tensor.ts';
import type { HostedSession } from './hosted-session.ts';

/** Of the slowest signature, in milliseconds of the session's own run. */
export interface TrialRuns {
  readonly oneRowMs: number;
  /** Of the largest batch; undefined = not tried, since it would be over the limit anyway. */
  readonly largestMs: number | undefined;
}

/** The first runs pay for code and memory that the later ones find. */
const WARM_UP_RUNS = 3;
/** The median of so many counts: a neighbour's noise is not the model's. */
const COUNTED_RUNS = 7;
/** A run that takes so many times the limit ends the trial: no warming up makes up for it, and it may take seconds. */
const HOPELESS = 20;
/** Larger inputs are not tried: copying them alone takes as long as a batch may that is worth a trial. */
const LARGEST_TRIED_BYTES = 2 ** 20;

/**
 * Runs every signature with one row and, where that takes less than `limitMs`, with the largest batch. Rejects with the
 * error of a run that fails.
 */
export async function tryRuns(hosted: HostedSession, maxBatchSize: number, limitMs: number): Promise<TrialRuns> {
  let oneRowMs = 0;
  let largestMs: number | undefined = 0;
  for (const [name, signature] of hosted.signatures) {
    const { batchAxis } = signature;
    const smallest = batchAxis.kind === 'fixed' ? batchAxis.size : 1;
    const oneMs = await medianRunMs(hosted, madeUpBatch(name, signature, smallest), limitMs);
    oneRowMs = Math.max(oneRowMs, oneMs);
    const largest = batchAxis.kind === 'dynamic' ? madeUpBatch(name, signature, maxBatchSize) : undefined;
    if (oneMs > limitMs || (largest !== undefined && byteLengthOfBatch(largest) > LARGEST_TRIED_BYTES))
      largestMs = undefined;
    if (largestMs === undefined) continue;
    largestMs = Math.max(largestMs, largest === undefined ? oneMs : await medianRunMs(hosted, largest, limitMs));
  }
  return { oneRowMs, largestMs };
}

async function medianRunMs({ executor }: HostedSession, batch: Batch, limitMs: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < WARM_UP_RUNS + COUNTED_RUNS; i++) {
    const { runStart, runEnd } = await executor.run(batch);
    const runMs = runEnd! - runStart!;
    if (runMs > HOPELESS * limitMs) return runMs;
    if (i >= WARM_UP_RUNS) times.push(runMs);
  }
  return times.sort((a, b) => a - b)[COUNTED_RUNS >> 1]!;
}

/** Zeros of the signature's shapes with `rows` rows, where dim 0 is a batch of any size. */
export function madeUpBatch(signatureName: string, { inputs, outputs, batchAxis }: Signature, rows: number): Batch {
  const made = new Map<string, Tensor>();
  for (const [name, spec] of inputs) made.set(name, zeros(spec, batchAxis.kind === 'dynamic' ? rows : undefined));
  return { signatureName, inputs: made, outputs: [...outputs.keys()], size: rows, deadline: Infinity };
}

function zeros({ dtype, shape: free = [] }: TensorSpec, rows: number | undefined): Tensor {
  const shape: Shape = free.map((dim, i) => (i === 0 && rows !== undefined ? rows : dim === -1 ? 1 : dim));
  const count = elementCount(shape);
  if (dtype === 'string') return { dtype, shape, data: new Array(count).fill(new Uint8Array(0)) };
  return { dtype, shape, data: new Uint8Array(count * bytesPerElement(dtype)) };
}

/** Bytes that a batch's inputs take. */
export function byteLengthOfBatch({ inputs }: Batch): number {
  return byteLengthOfAll(inputs);
}
