/**
 * The memory budget of the process: follows the limit of its group and what is in use, once a second; logs and counts
 * what it refuses; and has memory collected after a peak.
 *
 * A body is memory outside of V8's heap, which V8 gives back when it next collects the whole heap. After a peak there
 * may be no reason to, for minutes: the process would keep what one burst of large requests took. So one collection is
 * made once requests hold little again. Memory that is kept empty for the next large requests goes too.
 */
import { type FreeMemory, readFreeMemory } from '../../config/machine/free-memory.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { type Clock, type Instant, repeat, type TimerHandle } from '../../core/clock.ts';
import { collectGarbage } from '../../internals/collector.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import { type KeptBytes, MemoryBudget, type OverloadAction, type OverloadReason } from '../../proxy/memory-budget.ts';

const POLL_MS = 1000;
/** A smaller peak is not worth a collection. */
const PEAK_BYTES = 16 * 2 ** 20;
/** Requests hold little again when they hold at most this part of the peak. */
const SETTLED_SHARE = 1 / 8;
/** A collection stops the event loop for some ten ms. */
const LEAST_BETWEEN_MS = 15_000;

const ACTION_TEXTS: Readonly<Record<OverloadAction, string>> = {
  refuse_large: 'memory is short: bodies are refused by their size, the largest first',
  refuse_all: 'memory is out: every request is refused, but not health and status',
};

interface MemoryWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: AppTelemetry['metrics'];
  readonly options: Pick<ServeOptions, 'max_message_bytes' | 'max_request_memory_mib'>;
  /** Decoded inputs of requests that wait or run. */
  readonly inputs: { readonly requestBytes: number };
  /** The bytes that models keep between requests. */
  readonly kept: KeptBytes;
  /** Reads the free memory. Default: that of this process's group. */
  readonly readFree?: () => FreeMemory | undefined;
  /** Collects garbage. Default: V8 does it. */
  readonly collect?: () => void;
}

export class MemoryWatch {
  readonly budget: MemoryBudget;
  readonly #options: MemoryWatchOptions;
  #peakBytes = 0;
  #collectedAt: Instant = -Infinity;
  #timer: TimerHandle | undefined;

  /** Registers its gauges: make one for each process. */
  constructor(options: MemoryWatchOptions) {
    const { logger, metrics, inputs, kept } = options;
    const { max_message_bytes, max_request_memory_mib } = options.options;
    this.#options = options;
    this.budget = new MemoryBudget({
      maxMessageBytes: max_message_bytes,
      budgetBytes: max_request_memory_mib * 2 ** 20 || undefined,
      inputs,
      kept,
      onAction: (action, isOn) => this.#logAction(logger, action, isOn),
      onRefused: (reason: OverloadReason) => metrics.recordOverloadRefusal(reason),
    });
    this.#observe(metrics);
    this.#poll();
  }

  /** Begins to poll. Call once. */
  start(): void {
    this.#timer = repeat(this.#options.clock, POLL_MS, () => this.#poll());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #poll(): void {
    const { budget } = this;
    const { clock, readFree = readFreeMemory, collect = collectGarbage } = this.#options;
    budget.observe(readFree());
    const held = budget.requestBytes;
    this.#peakBytes = Math.max(this.#peakBytes, budget.takePeak(), held);
    const now = clock.nowMs();
    const isSettled = this.#peakBytes >= PEAK_BYTES && held <= this.#peakBytes * SETTLED_SHARE;
    if (!isSettled || now - this.#collectedAt < LEAST_BETWEEN_MS) return;
    this.#peakBytes = 0;
    this.#collectedAt = now;
    budget.messages.trim();
    collect();
  }

  #logAction(logger: Logger, action: OverloadAction, isOn: boolean): void {
    const { requestBytes, budgetBytes, pressure } = this.budget;
    const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
    const fields = {
      request_memory_mib: mib(requestBytes),
      kept_mib: mib(this.#options.kept.bytes),
      budget_mib: mib(budgetBytes),
      pressure,
    };
    const line = { event: 'overload', action, is_on: isOn, ...fields };
    if (isOn) logger.warn(line, ACTION_TEXTS[action]);
    else logger.info(line, 'memory is not short any more');
  }

  #observe({ gauges }: AppTelemetry['metrics']): void {
    const { budget } = this;
    const { kept } = this.#options;
    const held = 'Bytes that requests hold: bodies, decoded inputs, answers not taken.';
    gauges.observe('pillion_request_memory_bytes', held, () => budget.requestBytes);
    const keptHelp = 'Bytes that models keep between requests: states of sequences, steps that wait for them, answers.';
    gauges.observe('pillion_kept_memory_bytes', keptHelp, () => kept.bytes);
    const limit = 'Bytes that requests may hold, with what is kept between them.';
    gauges.observe('pillion_request_memory_budget_bytes', limit, () => budget.budgetBytes);
    const pressure = 'Memory pressure: requests ÷ their budget, or the group ÷ its limit, whichever is more.';
    gauges.observe('pillion_memory_pressure', pressure, () => budget.pressure);
  }
}
