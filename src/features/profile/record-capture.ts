/**
 * Captures the requests and batches that end while a profile is taken. All are counted; as many are kept as a file can
 * show. Beyond that a uniform sample of the requests is kept (Vitter's algorithm R).
 */

import { omitUndefined } from '../../admin/omit-undefined.ts';
import type { BatchRecord, RequestRecord } from '../../ledger/request-record.ts';
import { STAGES } from '../../ledger/stage-clock.ts';
import type { RecordListener } from '../../ledger/telemetry.ts';
import type { Span } from './trace-file.ts';

/** Instants are monotonic ms. */
export interface CapturedBatch extends Span {
  readonly model: string;
  readonly version: string;
  readonly signatureName: string;
  readonly rows: number;
  readonly size: number;
  readonly children: readonly Span[];
}

export interface CapturedRequest extends Span {
  readonly children: readonly Span[];
}

export interface CaptureOptions {
  /** Captures only this model; undefined for all. */
  readonly model: string | undefined;
  readonly maxRequests: number;
  readonly maxBatches: number;
  /** Returns a number in [0, 1). */
  readonly random: () => number;
}

export class RecordCapture implements RecordListener {
  readonly requests: CapturedRequest[] = [];
  readonly batches: CapturedBatch[] = [];
  #seenRequests = 0;
  #seenBatches = 0;
  readonly #options: CaptureOptions;

  constructor(options: CaptureOptions) {
    this.#options = options;
  }

  get seenRequests(): number {
    return this.#seenRequests;
  }

  get seenBatches(): number {
    return this.#seenBatches;
  }

  recordRequest(record: RequestRecord): void {
    const { model, maxRequests, random } = this.#options;
    if (model !== undefined && record.model !== model) return;
    this.#seenRequests += 1;
    if (this.requests.length < maxRequests) {
      this.requests.push(capturedRequest(record));
      return;
    }
    const place = Math.floor(random() * this.#seenRequests);
    if (place < maxRequests) this.requests[place] = capturedRequest(record);
  }

  recordBatch(record: BatchRecord): void {
    const { model, maxBatches } = this.#options;
    if (model !== undefined && record.model !== model) return;
    this.#seenBatches += 1;
    if (this.batches.length < maxBatches && record.end > 0) this.batches.push(capturedBatch(record));
  }
}

/** Copies the record, which may be reused for another request. */
function capturedRequest(record: RequestRecord): CapturedRequest {
  const { stages, method, model, version, surface, rows, outcome, id, trace, batch } = record;
  const children: Span[] = [];
  for (let i = 0; i < STAGES.length && stages.has(i); i++) {
    const [startMs, endMs] = [stages.startOf(i), stages.endOf(i)];
    if (endMs > startMs) children.push({ name: STAGES[i]!, startMs, endMs });
  }
  const args = omitUndefined({
    ...{ id, surface, model, version, rows, outcome, trace_id: trace?.traceId },
    ...{ batch_rows: batch?.rows, batch_requests: batch?.tasks },
  });
  const name = model === '' ? method : `${method} ${model}`;
  return { name, startMs: stages.startedAt, endMs: stages.finishedAt, args, children };
}

function capturedBatch(record: BatchRecord): CapturedBatch {
  const { model, version, signatureName, rows, size, tasks, reason, outcome, expectedMs } = record;
  const { batchStart, end } = record;
  // A failed batch did not reach every step.
  const executeStart = record.executeStart || end;
  const splitStart = record.splitStart || end;
  const within = (instant: number): number => Math.min(Math.max(instant, executeStart), splitStart);
  const children: Span[] = [
    { name: 'batch', startMs: batchStart, endMs: executeStart },
    { name: 'execute', startMs: executeStart, endMs: splitStart },
  ];
  if (record.runStart !== undefined && record.runEnd !== undefined) {
    children.push({ name: 'run', startMs: within(record.runStart), endMs: within(record.runEnd) });
  }
  children.push({ name: 'split', startMs: splitStart, endMs: end });
  return {
    ...{ name: `${model} ${rows} rows`, startMs: batchStart, endMs: end, model, version, signatureName, rows, size },
    args: omitUndefined({
      ...{ model, version, signature: signatureName, rows, size, requests: tasks, reason, outcome },
      expected_ms: expectedMs,
    }),
    children: children.filter(({ startMs, endMs }) => endMs > startMs),
  };
}
