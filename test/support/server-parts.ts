/**
 * The parts that a server in this process stands on: puppet models, readiness, the lifecycle of requests on a clock,
 * and telemetry that keeps the record of each request. A harness puts a surface on it (rest-harness.ts,
 * grpc-harness.ts).
 */
import type { Clock } from '../../src/core/clock.ts';
import { DeadlineTimer } from '../../src/core/deadline-timer.ts';
import { noTelemetry, type RequestRecord, type Telemetry } from '../../src/ledger/request-record.ts';
import type { MemoryBudget } from '../../src/proxy/memory-budget.ts';
import { ReadinessGate } from '../../src/proxy/readiness.ts';
import { RefusalHold } from '../../src/proxy/refusal-hold.ts';
import { type CarriedDeadlines, RequestLifecycle, type ToldAs } from '../../src/proxy/request-lifecycle.ts';
import { PuppetDirectory } from './puppet-models.ts';

export interface PartsOptions {
  readonly maxTimeoutMs?: number | undefined;
  /** Default: one without limits. */
  readonly memory?: MemoryBudget;
  /** Longest that a refusal for overload is held. Default: none is. */
  readonly refusalDelayMs?: number;
  /** Default: callers are told of errors as they are. */
  readonly toldAs?: ToldAs;
  /** Default: no request takes over another's. */
  readonly carriedDeadlines?: CarriedDeadlines;
  /** Telemetry beside the records. Default: it traces nothing. */
  readonly telemetry?: Partial<Telemetry>;
}

export class ServerParts<C extends Clock> {
  /** The clock of requests and deadlines. */
  readonly clock: C;
  readonly models = new PuppetDirectory();
  readonly readiness = new ReadinessGate();
  readonly lifecycle: RequestLifecycle;
  /** One for each request that has ended, in order. */
  readonly records: RequestRecord[] = [];
  readonly internalErrors: unknown[] = [];
  readonly onInternalError = (error: unknown): unknown => this.internalErrors.push(error);
  readonly #deadlines: DeadlineTimer;
  readonly #waiting: (() => void)[] = [];

  /** @param maxTimeoutMs where the options name none */
  constructor(clock: C, maxTimeoutMs: number, options: PartsOptions) {
    this.clock = clock;
    const deadlines = new DeadlineTimer(clock);
    const { memory, refusalDelayMs, carriedDeadlines, toldAs } = options;
    const mostMs = options.maxTimeoutMs ?? maxTimeoutMs;
    this.lifecycle = new RequestLifecycle({
      ...{ clock, deadlines, carriedDeadlines, toldAs },
      ...(memory !== undefined && { memory }),
      ...(refusalDelayMs !== undefined && { refusals: new RefusalHold({ clock, deadlines, mostMs: refusalDelayMs }) }),
      maxTimeoutMs: { rest: mostMs, grpc: mostMs },
      telemetry: {
        ...noTelemetry,
        ...options.telemetry,
        recordRequest: (record) => {
          this.records.push(record);
          for (const wake of this.#waiting.splice(0)) wake();
        },
      },
    });
    this.#deadlines = deadlines;
    this.readiness.setModelsReady(true);
  }

  /** Resolves when `count` requests have ended. */
  async recorded(count: number): Promise<readonly RequestRecord[]> {
    while (this.records.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.records;
  }

  protected closeParts(): void {
    this.#deadlines.close();
  }
}
