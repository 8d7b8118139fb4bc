/** The context of one step of an ensemble's request: the request's own, with a cancel signal and clocks of its own. */
import { CancelSignal } from '../../core/cancel.ts';
import type { Instant } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { RunEvent, RunEventFacts } from '../../core/executor.ts';
import type { PriorityClass } from '../../core/priority.ts';
import type {
  BatchRecord,
  CacheUse,
  IsolationRecord,
  RequestOutcome,
  StepRecord,
} from '../../ledger/request-record.ts';
import { StageClock } from '../../ledger/stage-clock.ts';
import { childContext, type TraceContext } from '../../ledger/tracing/trace-context.ts';
import type { TaskContext } from '../../scheduler/task.ts';

/**
 * The runs of models that one request may still take, over all ensembles in one another. Their sum is checked when an
 * ensemble is loaded, but members may be replaced by larger ensembles later.
 */
export class RunAllowance {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a run. Throws `load_failed` if there is none left. */
  take(): void {
    if (this.#taken === this.#most) throw tooManyRuns(this.#most);
    this.#taken += 1;
  }
}

/** Ensembles within ensembles. Versions that are loaded one after another may make a circle that no load has seen. */
const MOST_DEPTH = 16;

export class StepContext implements TaskContext, StepRecord {
  readonly deadline: Instant;
  readonly hasOwnDeadline: boolean | undefined;
  readonly caller: string | undefined;
  readonly priority: PriorityClass | undefined;
  readonly trace: TraceContext | undefined;
  readonly cancel = new CancelSignal();
  readonly stages: StageClock;
  readonly model: string;
  readonly version: string;
  readonly signatureName: string;
  expectedEnd: Instant | undefined = 0;
  batch: BatchRecord | undefined = undefined;
  isolation: IsolationRecord | undefined = undefined;
  cache: CacheUse | undefined = undefined;
  cacheMs: number | undefined = undefined;
  outcome: RequestOutcome = 'ok';
  /** Set where its model is an ensemble, too. */
  steps: readonly StepRecord[] | undefined = undefined;
  /** Shared by all steps of a request. */
  readonly allowance: RunAllowance;
  readonly #request: TaskContext;
  readonly #depth: number;

  /** Throws `load_failed` for a step of an ensemble that runs within itself. */
  constructor(
    request: TaskContext,
    now: Instant,
    { name, versionText, signatureName }: { name: string; versionText: string; signatureName: string },
    allowance: RunAllowance,
  ) {
    this.#request = request;
    this.allowance = allowance;
    this.#depth = request instanceof StepContext ? request.#depth + 1 : 1;
    if (this.#depth > MOST_DEPTH) throw tooDeep(name);
    this.deadline = request.deadline;
    this.hasOwnDeadline = request.hasOwnDeadline;
    this.caller = request.caller;
    this.priority = request.priority;
    this.trace = request.trace && childContext(request.trace);
    this.stages = new StageClock(now);
    this.model = name;
    this.version = versionText;
    this.signatureName = signatureName;
  }

  note(event: RunEvent, facts: RunEventFacts): void {
    this.#request.note(event, facts);
  }
}

function tooDeep(model: string): ServingError {
  const text = `ensembles run within one another ${MOST_DEPTH} times, down to model "${model}"`;
  return new ServingError('load_failed', `${text}: one of them is a member of itself; give its step another version`);
}

function tooManyRuns(most: number): ServingError {
  return new ServingError(
    'load_failed',
    `the request takes more than the ${most} runs of models that --max_ensemble_runs allows: an ensemble in it has become ` +
      'larger since this one was loaded; publish smaller versions, or raise the option',
  );
}
