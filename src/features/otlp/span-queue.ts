/**
 * Queues encoded spans and sends them in batches, in the order in which they ended.
 *
 *   span ─▶ open batch ──full, or delayMs after its first span──▶ sealed, sealed, … ──one at a time──▶ send
 *             └ a pooled buffer that grows: header room │ span span …
 *
 * At most `maxQueued` spans wait (open and sealed, without those being sent), with at most MAX_SEALED_BYTES. Spans
 * beyond that are lost and counted, as are those of a failed export. Requests never wait for a collector. A buffer is
 * reused once its spans were sent.
 *
 * It is the standard's batch span processor (https://opentelemetry.io/docs/specs/otel/trace/sdk/#batching-processor),
 * for bytes.
 */
import { GrowingWriter } from '../../codec/protobuf/growing-writer.ts';
import { varintSize } from '../../codec/protobuf/wire-writer.ts';
import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { SpanRoom } from './span-encoder.ts';
import type { SpanQueueLimits } from './span-limits.ts';
import type { SpanLoss } from './tracing-options.ts';

/** An encoded ExportTraceServiceRequest. */
export interface EncodedSpans {
  readonly bytes: Uint8Array;
  /** Number of spans. */
  readonly count: number;
}

export interface SpanQueueOptions {
  readonly clock: Clock;
  readonly limits: SpanQueueLimits;
  /** The fields of ResourceSpans and of ScopeSpans but for the spans, tags and lengths included. */
  readonly resource: Uint8Array;
  readonly scope: Uint8Array;
  /** The bytes are lent until it settles, then reused. Rejects with the reason if the collector did not take them. */
  readonly send: (spans: EncodedSpans) => Promise<void>;
  readonly onLost: (count: number, why: SpanLoss, error?: unknown) => void;
}

/** A batch with so many bytes is full: gRPC servers accept messages of 4 MiB by default. */
const FULL_BYTES = 1 << 20;
const FIRST_BYTES = 1 << 16;
/** Most bytes in sealed batches: ten times those of a full queue of ordinary spans. */
const MAX_SEALED_BYTES = 32 << 20;
/** Most buffers that are kept for reuse. */
const POOLED = 4;
/** Tags and lengths of ResourceSpans and ScopeSpans, in front of the spans. */
const HEADS_BYTES = 2 * (1 + 5);
const RESOURCE_SPANS = 0x0a;
const SCOPE_SPANS = 0x12;

interface Batch {
  readonly writer: GrowingWriter;
  count: number;
  /** End of its last whole span. */
  end: number;
}

export class SpanQueue implements SpanRoom {
  readonly #options: SpanQueueOptions;
  /** Bytes in front of the first span. */
  readonly #room: number;
  readonly #pool: GrowingWriter[] = [];
  #open: Batch | undefined;
  #sealed: Batch[] = [];
  /** Spans in `#open` and `#sealed`. */
  #waiting = 0;
  #sealedBytes = 0;
  #timer: TimerHandle | undefined;
  #sending: Promise<void> | undefined;
  /** Spans that are being sent. */
  #inExport = 0;
  #isClosed = false;
  #isAbandoned = false;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
    this.#room = HEADS_BYTES + options.resource.length + options.scope.length;
  }

  /** Undefined if there is no room; the span is then counted as lost. */
  open(): GrowingWriter | undefined {
    const { limits, onLost } = this.#options;
    if (this.#waiting >= limits.maxQueued || this.#sealedBytes >= MAX_SEALED_BYTES || this.#isClosed) {
      onLost(1, 'queue_full');
      return undefined;
    }
    this.#open ??= this.#newBatch();
    const batch = this.#open;
    // Removes a span that was begun and not ended.
    batch.writer.position = batch.end;
    return batch.writer;
  }

  /** The span is complete. */
  close(): void {
    const batch = this.#open!;
    batch.end = batch.writer.position;
    batch.count += 1;
    this.#waiting += 1;
    if (batch.count >= this.#options.limits.maxExported || batch.end >= FULL_BYTES) this.#seal();
    else if (batch.count === 1) this.#startTimer();
  }

  /** Sends the spans that wait; resolves when they were sent or lost. From then on `open` returns undefined. */
  async shutdown(): Promise<void> {
    this.#isClosed = true;
    this.#seal();
    await this.#sending;
  }

  /** Counts what was not sent until now as lost. Call it after `shutdown`, when nobody waits any longer. */
  abandon(): void {
    const unsent = this.#waiting + this.#inExport;
    this.#sealed = [];
    this.#waiting = 0;
    this.#inExport = 0;
    this.#isAbandoned = true;
    if (unsent > 0) this.#options.onLost(unsent, 'export_failed', new Error('the server ended before they were sent'));
  }

  #newBatch(): Batch {
    const writer = this.#pool.pop() ?? new GrowingWriter(FIRST_BYTES, this.#room);
    return { writer, count: 0, end: this.#room };
  }

  #startTimer(): void {
    const { clock, limits } = this.#options;
    this.#timer = clock.setTimer(clock.nowMs() + limits.delayMs, () => this.#seal());
  }

  #seal(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const batch = this.#open;
    this.#open = undefined;
    if (batch !== undefined && batch.count > 0) {
      this.#sealed.push(batch);
      this.#sealedBytes += batch.end;
    }
    if (this.#sealed.length > 0) this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    for (let batch = this.#sealed.shift(); batch !== undefined; batch = this.#sealed.shift()) {
      this.#waiting -= batch.count;
      this.#sealedBytes -= batch.end;
      this.#inExport = batch.count;
      try {
        await this.#sendInTime({ bytes: this.#finish(batch), count: batch.count });
        if (this.#pool.length < POOLED) this.#pool.push(batch.writer);
      } catch (error) {
        if (!this.#isAbandoned) this.#options.onLost(batch.count, 'export_failed', error);
      }
      this.#inExport = 0;
    }
    this.#sending = undefined;
  }

  #sendInTime(spans: EncodedSpans): Promise<void> {
    const { clock, limits, send } = this.#options;
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`an export took longer than ${limits.exportTimeoutMs} ms`));
      const timer = clock.setTimer(clock.nowMs() + limits.exportTimeoutMs, late);
      send(spans)
        .finally(() => timer.cancel())
        .then(resolve, reject);
    });
  }

  /** Writes the heads in front of the spans, so that they end where the spans begin. */
  #finish({ writer, end }: Batch): Uint8Array {
    const { resource, scope } = this.#options;
    const scopeLength = scope.length + (end - this.#room);
    const resourceLength = resource.length + 1 + varintSize(scopeLength) + scopeLength;
    const start = end - resourceLength - varintSize(resourceLength) - 1;
    writer.position = start;
    writer.varint(RESOURCE_SPANS);
    writer.varint(resourceLength);
    writer.bytes(resource);
    writer.varint(SCOPE_SPANS);
    writer.varint(scopeLength);
    writer.bytes(scope);
    return writer.buffer.subarray(start, end);
  }
}
