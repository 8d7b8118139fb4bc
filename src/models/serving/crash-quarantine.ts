/**
 * The requests of a model in a process that may end it run in a second process of their own, so that an abort there
 * costs nobody else:
 *
 *   - shapes that the signature does not declare. A graph may take more than its signature says, or abort. Shapes that
 *     ended the process once are refused (ending-shapes.ts);
 *   - the members of a batch whose run ended the process, one by one: one of them did it;
 *   - whatever a caller sends whose request ended the process, for a while (scheduler/batch/quarantined-callers.ts).
 *
 * They have a scheduler of their own: what waits here for the process to open holds no slot of the model, and what is
 * learned of these runs says nothing of the others. The process has the lowest priority, and is open only while it is
 * needed (on-demand-host.ts).
 */
import type { HostedSession } from '../../backends/host/hosted-session.ts';
import { hasEndedWorker, OnDemandHost } from '../../backends/host/on-demand-host.ts';
import type { Clock } from '../../core/clock.ts';
import { type ServingError, toServingError } from '../../core/errors.ts';
import type { Batch } from '../../core/executor.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import { NO_CALLER, QuarantinedCallers } from '../../scheduler/batch/quarantined-callers.ts';
import { Scheduler, type SchedulerInit } from '../../scheduler/scheduler.ts';
import type { Quarantine, SchedulerRequest } from '../../scheduler/task.ts';
import { EndingShapes } from './ending-shapes.ts';

export interface CrashQuarantineOptions
  extends Pick<SchedulerInit, 'telemetry' | 'options' | 'signatures' | 'model' | 'version'> {
  readonly clock: Clock;
  /** Opens the second process. */
  readonly start: (signal: AbortSignal) => Promise<HostedSession>;
}

export class CrashQuarantine implements Quarantine {
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #host: OnDemandHost;
  readonly #shapes: EndingShapes;
  readonly #callers = new QuarantinedCallers();

  constructor({ clock, start, signatures, options, ...init }: CrashQuarantineOptions) {
    this.#clock = clock;
    this.#shapes = new EndingShapes(signatures);
    // Requests of one shape may have waited together for the run that ended the process.
    const check = (batch: Batch): void => {
      const refusal = this.#shapes.refusalOf(batch);
      if (refusal !== undefined) throw refusal;
    };
    this.#host = new OnDemandHost({ model: init.model, clock, start, check });
    this.#scheduler = new Scheduler({
      ...init,
      clock,
      executor: this.#host,
      signatures: runAlone(signatures),
      // A run that opens the process takes seconds, which forecast nothing.
      options: { ...options, kind: 'greedy', batchTimeoutMicros: 0 },
    });
  }

  get queuedRows(): number {
    return this.#scheduler.queuedRows;
  }

  get queuedTasks(): number {
    return this.#scheduler.queuedTasks;
  }

  get runningBatches(): number {
    return this.#scheduler.runningBatches;
  }

  get longestRun(): Scheduler['longestRun'] {
    return this.#scheduler.longestRun;
  }

  /** It has a process, or opens one. */
  get isOpen(): boolean {
    return this.#host.isOpen;
  }

  /** The request may end the process of its run. */
  takes({ isOddShape, context }: Pick<SchedulerRequest, 'isOddShape' | 'context'>): boolean {
    if (isOddShape === true) return true;
    return this.#callers.count > 0 && this.#callers.has(context.caller ?? NO_CALLER);
  }

  onCrash(caller: string): void {
    this.#callers.blame(caller, this.#clock.nowMs());
  }

  async submit(request: SchedulerRequest): Promise<TensorMap> {
    const { isOddShape = false } = request;
    const refusal = isOddShape ? this.#shapes.refusalOf(request) : undefined;
    if (refusal !== undefined) throw refusal;
    let answer: TensorMap;
    try {
      answer = await this.#scheduler.submit(request);
    } catch (thrown) {
      throw this.#failed(request, toServingError(thrown));
    }
    if (isOddShape) this.#shapes.onAnswered(request);
    else this.#callers.onAnswered(request.context.caller ?? NO_CALLER, this.#clock.nowMs());
    return answer;
  }

  /** Answers what was accepted, then ends the process. */
  async close(): Promise<void> {
    await this.#scheduler.close();
    await this.#host.close();
  }

  #failed(request: SchedulerRequest, error: ServingError): ServingError {
    if (!hasEndedWorker(error)) return error;
    if (request.isOddShape === true) return this.#shapes.onEnded(request, error);
    if (error.kind === 'worker_crashed') this.onCrash(request.context.caller ?? NO_CALLER);
    return error;
  }
}

/** The same signatures, whose requests share no run where they need not. */
function runAlone(signatures: Signatures): Signatures {
  const alone = ([name, signature]: readonly [string, Signature]): readonly [string, Signature] => {
    if (signature.batchAxis.kind !== 'dynamic') return [name, signature];
    return [
      name,
      { ...signature, batchAxis: { kind: 'none', reason: 'a run may end its process' }, padding: undefined },
    ];
  };
  return new Map([...signatures].map(alone));
}
