/**
 * Decides which finished requests are kept, independent of the sampling: failed ones, and those that are slower than 99
 * of 100 of their model version's requests.
 *
 * In overload nearly all requests may fail. So at most `perSecond` requests a second are kept of each kind of failure,
 * and of the slow ones of each model version: many of one kind do not hide another.
 *
 * Only requests with rows (inferences) can be slow. Judging allocates nothing.
 */
import { WindowCap } from '../../core/collections/window-cap.ts';
import type { KeepReason, RequestOutcome, RequestRecord } from '../../ledger/request-record.ts';
import type { RequestJudge } from '../../ledger/telemetry.ts';

const WINDOW_MS = 1000;

export class TailKeep implements RequestJudge {
  readonly #perSecond: number;
  readonly #failures = new Map<RequestOutcome, WindowCap>();
  readonly #versions = new Map<string, Map<string, VersionTail>>();
  /** The last request's tail, which is mostly the next one's too. */
  #last: VersionTail = { model: '', version: '', threshold: new TailThreshold(), cap: new WindowCap(0, WINDOW_MS) };

  /** @param perSecond 0 = nothing is kept */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Counts the request; returns why it is kept, undefined if it is not. Call once for each request. */
  judge(record: RequestRecord): KeepReason | undefined {
    const { stages, outcome } = record;
    const at = stages.finishedAt;
    if (outcome !== 'ok') return this.#capOf(outcome).allow(at) ? 'failed' : undefined;
    if (record.rows === 0) return undefined;
    const tail = this.#tailOf(record.model, record.version);
    return tail.threshold.isOver(at - stages.startedAt) && tail.cap.allow(at) ? 'slow' : undefined;
  }

  /** The latency in ms above which requests of a version are slow; undefined while too few were seen. */
  slowFromMs(model: string, version: string): number | undefined {
    const limit = this.#versions.get(model)?.get(version)?.threshold.limitMs;
    return limit === Infinity ? undefined : limit;
  }

  /** Forgets an unloaded version: after its next load it starts anew. */
  forgetVersion(model: string, version: string): void {
    const versions = this.#versions.get(model);
    versions?.delete(version);
    if (versions?.size === 0) this.#versions.delete(model);
    if (this.#last.model === model && this.#last.version === version) this.#last = this.#newTail('', '');
  }

  #tailOf(model: string, version: string): VersionTail {
    const last = this.#last;
    if (last.model === model && last.version === version) return last;
    const versions = this.#versions.get(model) ?? new Map<string, VersionTail>();
    const tail = versions.get(version) ?? this.#newTail(model, version);
    versions.set(version, tail);
    this.#versions.set(model, versions);
    this.#last = tail;
    return tail;
  }

  #newTail(model: string, version: string): VersionTail {
    return { model, version, threshold: new TailThreshold(), cap: new WindowCap(this.#perSecond, WINDOW_MS) };
  }

  #capOf(outcome: RequestOutcome): WindowCap {
    const found = this.#failures.get(outcome);
    if (found !== undefined) return found;
    const cap = new WindowCap(this.#perSecond, WINDOW_MS);
    this.#failures.set(outcome, cap);
    return cap;
  }
}

interface VersionTail {
  readonly model: string;
  readonly version: string;
  readonly threshold: TailThreshold;
  readonly cap: WindowCap;
}

/** Values before there is a limit. */
const LEAST_SEEN = 200;
const HALVE_AT = 16_384;
/** Values between two updates of the limit. An update costs as much as 30 values. */
const UPDATE_EVERY = 64;
const OVER_SHARE = 0.01;

/** Buckets to each doubling: 2^STEP_BITS. */
const STEP_BITS = 4;
const STEPS = 1 << STEP_BITS;
/** 2^31 µs, about 36 minutes; longer latencies count as that. */
const MAX_MICROS = 2 ** 31 - 1;
const BUCKETS = (31 - STEP_BITS) * STEPS + STEPS;

/**
 * Learns the latency that 99 of 100 recent requests stay under, in constant memory.
 *
 * It is a histogram whose buckets grow with the value, sixteen to each doubling, so that the limit is exact to 1/16:
 *
 *   µs   16 │ 17 │ … │ 31 │ 32–33 │ 34–35 │ … │ 64–67 │ …
 *
 * All counts are halved after HALVE_AT values, so that old latencies lose their weight. A value is compared with the
 * limit at its time. If all latencies are equal, none is over the limit.
 */
export class TailThreshold {
  readonly #counts = new Uint32Array(BUCKETS);
  #seen = 0;
  #untilUpdate = LEAST_SEEN;
  #limitMs = Infinity;

  /** Milliseconds; Infinity until LEAST_SEEN values were counted. */
  get limitMs(): number {
    return this.#limitMs;
  }

  /** Counts a latency; true if it is over the limit. */
  isOver(latencyMs: number): boolean {
    const isOver = latencyMs > this.#limitMs;
    this.#counts[bucketOf(latencyMs)]! += 1;
    this.#seen += 1;
    this.#untilUpdate -= 1;
    if (this.#untilUpdate <= 0) this.#update();
    return isOver;
  }

  #update(): void {
    this.#untilUpdate = UPDATE_EVERY;
    const allowedOver = Math.floor(this.#seen * OVER_SHARE);
    let bucket = BUCKETS - 1;
    let over = this.#counts[bucket]!;
    while (over <= allowedOver && bucket > 0) {
      bucket -= 1;
      over += this.#counts[bucket]!;
    }
    this.#limitMs = endOf(bucket) / 1000;
    if (this.#seen < HALVE_AT) return;
    this.#seen = 0;
    for (let i = 0; i < BUCKETS; i++) {
      this.#counts[i]! >>= 1;
      this.#seen += this.#counts[i]!;
    }
  }
}

/** Below STEPS each µs has its own bucket; from there the highest bit selects the doubling, the next bits the step. */
function bucketOf(latencyMs: number): number {
  const micros = Math.min(MAX_MICROS, latencyMs * 1000) | 0;
  if (micros < STEPS) return Math.max(0, micros);
  const shift = 31 - STEP_BITS - Math.clz32(micros);
  return (shift + 1) * STEPS + (micros >> shift) - STEPS;
}

/** The first µs after a bucket. */
function endOf(bucket: number): number {
  if (bucket < STEPS) return bucket + 1;
  const shift = Math.floor(bucket / STEPS) - 1;
  return ((bucket % STEPS) + STEPS + 1) * 2 ** shift;
}
