/** The figures of one server. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Three digits of any latency from a microsecond to an hour. */
const LATENCIES = { lowest: 1, highest: 3_600_000_000, figures: 3 };
const MICROS_PER_MS = 1000;

/** The kinds of requests that were not answered with a 2xx. */
export const NOT_SENT = 'not sent: too many in flight';
export const TIMEOUT = 'no answer in time';

export class Tally {
  sent = 0;
  answered = 0;
  /** Their number by a status, or the system's error. */
  readonly errors = new Map<string, number>();
  /** The first answer's text of a kind, as far as it was read. */
  readonly examples = new Map<string, string>();
  /** Times from when a request was due to its answer; one that never came counts until the client gave up. */
  readonly #fromDue = createHistogram(LATENCIES);
  /** Times from when a request was sent. */
  readonly #fromSent = createHistogram(LATENCIES);
  /** How late requests were sent. */
  readonly #late = createHistogram(LATENCIES);

  /** `lateMs`: from due to sent; `tookMs`: from sent to the end. `error`: undefined = answered. */
  add(lateMs: number, tookMs: number, error: string | undefined): void {
    this.sent += 1;
    record(this.#late, lateMs);
    if (error !== undefined) this.count(error);
    if (error !== undefined && error !== TIMEOUT) return;
    if (error === undefined) this.answered += 1;
    record(this.#fromDue, lateMs + tookMs);
    record(this.#fromSent, tookMs);
  }

  /** `text`: of an answer that refuses. */
  explain(error: string, text: string): void {
    if (text !== '' && !this.examples.has(error)) this.examples.set(error, text);
  }

  count(error: string): void {
    this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }

  /** Milliseconds; undefined = none was answered. */
  latencyMs(percent: number): number | undefined {
    return percentile(this.#fromDue, percent);
  }

  latencyFromSentMs(percent: number): number | undefined {
    return percentile(this.#fromSent, percent);
  }

  latenessMs(percent: number): number | undefined {
    return percentile(this.#late, percent);
  }
}

function record(histogram: RecordableHistogram, ms: number): void {
  histogram.record(Math.min(LATENCIES.highest, Math.max(1, Math.round(ms * MICROS_PER_MS))));
}

function percentile(histogram: RecordableHistogram, percent: number): number | undefined {
  if (histogram.count === 0) return undefined;
  return (percent === 100 ? histogram.max : histogram.percentile(percent)) / MICROS_PER_MS;
}
