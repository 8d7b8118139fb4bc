/**
 * Remembers the traffic of the last quarter of an hour, by model version (version-traffic.ts): it follows the ledger,
 * so that no request waits for it.
 *
 * Memory is bounded: a version takes 93 KB, and MOST_VERSIONS are remembered. One more takes the place of a version that
 * had no traffic in the whole time; if there is none, it is counted with others under the name OTHERS.
 */
import process from 'node:process';
import { type Clock, type Instant, repeat, type TimerHandle } from '../../../core/clock.ts';
import { ByVersion } from '../../../ledger/by-version.ts';
import type { RequestKind } from '../../../ledger/metrics/signature-totals.ts';
import type { RequestRing } from '../../../ledger/recorder/request-ring.ts';
import { INFERENCE_METHODS, type RequestRecord } from '../../../ledger/request-record.ts';
import { SteadyWall } from '../../../ledger/steady-wall.ts';
import { type HistoryTick, rounded } from './history-report.ts';
import { SLOT_MS, SLOTS, VersionTraffic } from './version-traffic.ts';

const MOST_VERSIONS = 64;
const OTHERS = '(others)';

export interface TrafficHistoryOptions {
  readonly clock: Clock;
  /** Has everything counted that ended before now. */
  readonly settle: () => void;
  /** CPU time since the process's start, in µs. Default: the process's own. */
  readonly cpuMicros?: () => number;
}

export class TrafficHistory {
  readonly #options: Required<TrafficHistoryOptions>;
  readonly #wall: SteadyWall;
  readonly #known = new Set<VersionTraffic>();
  readonly #versions = new ByVersion((model, version) => this.#newVersion(model, version));
  readonly #others = new VersionTraffic(OTHERS, '');
  /** When it began. */
  readonly #since: Instant;
  /** Cores that were busy, by slot. */
  readonly #cores = new Float32Array(SLOTS);
  #cpuMicros: number;
  #cpuAt: Instant;
  /** The first slot that `take` has not given yet. */
  #nextTaken = 0;
  #timer: TimerHandle | undefined;

  constructor(options: TrafficHistoryOptions) {
    this.#options = { cpuMicros: ownMicros, ...options };
    this.#wall = new SteadyWall(options.clock);
    this.#since = options.clock.nowMs();
    this.#cpuMicros = this.#options.cpuMicros();
    this.#cpuAt = this.#since;
  }

  start(): void {
    this.#timer = repeat(this.#options.clock, SLOT_MS, () => this.#readCpu());
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** Counts answered inferences of one kind, at places `from` to `to` − 1 of the ledger's ring. */
  recordColumns({ outcome }: Pick<RequestKind, 'outcome'>, ring: RequestRing, from: number, to: number): void {
    const { model, version, method } = ring.origins[from]!;
    if (outcome !== 'ok' || !INFERENCE_METHODS.has(method)) return;
    const traffic = this.#versions.of(model, version);
    for (let at = from; at < to; ) {
      const slot = Math.floor(ring.endedAt(at) / SLOT_MS);
      let end = at + 1;
      while (end < to && Math.floor(ring.endedAt(end) / SLOT_MS) === slot) end += 1;
      traffic.addAnswered(ring, at, end, slot);
      at = end;
    }
  }

  /** Counts an inference that has failed: columns do not tell why. */
  recordRequest(record: RequestRecord): void {
    if (record.outcome === 'ok') return;
    this.#versions.of(record.model, record.version).addFailed(record, Math.floor(record.stages.finishedAt / SLOT_MS));
  }

  /** The version is unloaded. Its next load may find a place of its own. */
  forgetVersion(model: string, version: string): void {
    if (this.#versions.find(model, version) === this.#others) this.#versions.forget(model, version);
  }

  /** The slots after `after` (ms since 1970), oldest first; the newest is not over, and so is shorter. */
  ticks(after: number): HistoryTick[] {
    const { newest, oldest } = this.#look();
    // The wall clock may have been corrected a little since `after` was read.
    return this.#read(oldest, newest).filter(({ at_ms, span_ms }) => at_ms - span_ms / 2 > after);
  }

  /** The slots that are over since the last call, oldest first; with `isLast` the one that is not over, too. */
  take(isLast = false): HistoryTick[] {
    const { newest, oldest } = this.#look();
    const from = Math.max(oldest, this.#nextTaken);
    const to = isLast ? newest : newest - 1;
    this.#nextTaken = Math.max(from, to + 1);
    return this.#read(from, to);
  }

  /** Counts all that has ended. The numbers of the slots that are remembered. */
  #look(): { readonly newest: number; readonly oldest: number } {
    this.#options.settle();
    this.#readCpu();
    const newest = Math.floor(this.#options.clock.nowMs() / SLOT_MS);
    return { newest, oldest: Math.max(Math.floor(this.#since / SLOT_MS), newest - SLOTS + 1) };
  }

  #read(from: number, to: number): HistoryTick[] {
    const now = this.#options.clock.nowMs();
    const found: HistoryTick[] = [];
    for (let slot = from; slot <= to; slot++) {
      const end = Math.min(now, (slot + 1) * SLOT_MS);
      const span = Math.round(end - Math.max(this.#since, slot * SLOT_MS));
      if (span <= 0) continue;
      const versions = [...this.#known, this.#others].flatMap((version) => version.read(slot) ?? []);
      const cores = rounded(this.#cores[slot % SLOTS]!);
      found.push({ at_ms: Math.round(this.#wall.of(end)), span_ms: span, cpu_cores: cores, versions });
    }
    return found;
  }

  #newVersion(model: string, version: string): VersionTraffic {
    if (this.#known.size >= MOST_VERSIONS && !this.#forgetQuiet()) return this.#others;
    const traffic = new VersionTraffic(model, version);
    this.#known.add(traffic);
    return traffic;
  }

  /** Forgets the versions without traffic in the whole time; false if there is none. */
  #forgetQuiet(): boolean {
    const oldest = Math.floor(this.#options.clock.nowMs() / SLOT_MS) - SLOTS;
    const quiet = [...this.#known].filter(({ lastSlot }) => lastSlot < oldest);
    for (const each of quiet) {
      this.#known.delete(each);
      this.#versions.forget(each.model, each.version);
    }
    return quiet.length > 0;
  }

  /** Gives the time since the last reading to the slot that it mostly belongs to. */
  #readCpu(): void {
    const now = this.#options.clock.nowMs();
    const span = now - this.#cpuAt;
    if (span < SLOT_MS / 10) return;
    const micros = this.#options.cpuMicros();
    const slot = Math.floor((now - span / 2) / SLOT_MS);
    this.#cores[slot % SLOTS] = (micros - this.#cpuMicros) / 1000 / span;
    this.#cpuMicros = micros;
    this.#cpuAt = now;
  }
}

function ownMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
