/**
 * One request of an ensemble: starts each step as soon as its inputs are there, and ends with the last output, or with
 * the first error.
 *
 *   waiting for inputs ──▶ submitted to its member's version ──▶ its outputs are tensors of the ensemble
 *                              └──▶ failed, late or refused: the other steps are cancelled, the request fails
 *
 * Steps that none of the wanted outputs needs do not run. Each step has the request's deadline: what earlier steps took
 * is gone for the later ones, and a step that leaves them too little is not begun (path-forecast.ts).
 */
import type { CancelListener } from '../../core/cancel.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { shapeFits } from '../../core/shape.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import { STAGE_EXECUTE, STAGE_SPLIT } from '../../ledger/stage-clock.ts';
import type { ServableRequest } from '../../models/serving/servable.ts';
import type { EnsembleMembers } from './ensemble-members.ts';
import type { PlannedStep } from './ensemble-plan.ts';
import { MODEL_RUNS } from './model-runs.ts';
import type { PathForecast } from './path-forecast.ts';
import { RunAllowance, StepContext } from './step-context.ts';

export interface EnsembleRunOptions {
  readonly steps: readonly PlannedStep[];
  readonly members: EnsembleMembers;
  readonly forecast: PathForecast;
  readonly clock: Clock;
  /** Most runs of models for one request, those of ensembles in this one counted. */
  readonly maxRuns: number;
}

export class EnsembleRun implements CancelListener {
  readonly #options: EnsembleRunOptions;
  readonly #request: ServableRequest;
  readonly #tensors: Map<string, Tensor>;
  /** The steps that the wanted outputs need. */
  readonly #needed: ReadonlySet<PlannedStep>;
  readonly #waiting: Set<PlannedStep>;
  readonly #allowance: RunAllowance;
  /** It runs whatever is expected. */
  #isProbe = false;
  readonly #running = new Set<StepContext>();
  readonly #done: StepContext[] = [];
  #resolve!: (outputs: TensorMap) => void;
  #reject!: (error: ServingError) => void;
  #isSettled = false;

  constructor(request: ServableRequest, options: EnsembleRunOptions) {
    const { context } = request;
    this.#options = options;
    this.#request = request;
    this.#allowance = context instanceof StepContext ? context.allowance : new RunAllowance(options.maxRuns);
    this.#tensors = new Map(request.inputs);
    this.#needed = neededSteps(options.steps, request.outputs);
    this.#waiting = new Set(this.#needed);
  }

  /** Call once. Owns the request's cancel listener until it settles. */
  start(): Promise<TensorMap> {
    const { context } = this.#request;
    const { forecast, clock } = this.#options;
    const now = clock.nowMs();
    this.#isProbe = forecast.isProbe(context, now);
    const answer = new Promise<TensorMap>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    context.cancel.listener = this;
    context.stages.enter(STAGE_EXECUTE, now);
    this.#startReady();
    return answer;
  }

  onCancel(reason: ServingError): void {
    this.#fail(reason);
  }

  #startReady(): void {
    for (const step of this.#waiting) {
      if (this.#isSettled) return;
      if (![...step.inputs.values()].every((ours) => this.#tensors.has(ours))) continue;
      this.#waiting.delete(step);
      this.#startStep(step);
    }
  }

  #startStep(step: PlannedStep): void {
    const { members, forecast, clock } = this.#options;
    const now = clock.nowMs();
    let context: StepContext | undefined;
    try {
      if (!this.#isProbe) forecast.check(step, this.#needed, this.#request.context, now);
      const { handle, served } = members.acquire(step);
      try {
        context = new StepContext(this.#request.context, now, served, this.#allowance);
        this.#running.add(context);
        const { inputs, isOddShape } = this.#inputsOf(step, served.signature.inputs);
        const outputs = [...step.outputs.keys()];
        const { signatureName } = step;
        const { runner, facts } = handle.servable;
        if (facts.get(MODEL_RUNS) === undefined) this.#allowance.take();
        const answer = runner.submit({ signatureName, inputs, outputs, context, isOddShape });
        const own = context;
        answer.then(
          (given) => this.#onAnswer(step, own, given),
          (thrown: unknown) => this.#onError(step, own, toServingError(thrown)),
        );
      } finally {
        handle.release();
      }
    } catch (thrown) {
      this.#onError(step, context, toServingError(thrown));
    }
  }

  /** The inputs in the member's order. Its graph judges shapes that it does not declare. */
  #inputsOf(step: PlannedStep, specs: ServedInputs): { readonly inputs: TensorMap; readonly isOddShape: boolean } {
    const inputs = new Map<string, Tensor>();
    let isOddShape = false;
    for (const [theirs, { shape }] of specs) {
      const tensor = this.#tensors.get(step.inputs.get(theirs)!)!;
      inputs.set(theirs, tensor);
      isOddShape ||= !shapeFits(tensor.shape, shape);
    }
    return { inputs, isOddShape };
  }

  #onAnswer(step: PlannedStep, context: StepContext, given: TensorMap): void {
    this.#finish(context);
    if (this.#isSettled) return;
    for (const [theirs, ours] of step.outputs) this.#tensors.set(ours, given.get(theirs)!);
    if (this.#running.size > 0 || this.#waiting.size > 0) this.#startReady();
    if (!this.#isSettled && this.#running.size === 0 && this.#waiting.size === 0) this.#succeed();
  }

  #onError(step: PlannedStep, context: StepContext | undefined, error: ServingError): void {
    if (context !== undefined) {
      context.outcome = error.kind;
      this.#finish(context);
    }
    if (!this.#isSettled) this.#fail(ofStep(step, error));
  }

  #finish(context: StepContext): void {
    context.stages.finish(this.#options.clock.nowMs());
    this.#running.delete(context);
    this.#done.push(context);
  }

  #succeed(): void {
    const { outputs } = this.#request;
    this.#settle();
    this.#resolve(new Map(outputs.map((name) => [name, this.#tensors.get(name)!])));
  }

  #fail(error: ServingError): void {
    if (this.#isSettled) return;
    this.#settle();
    const isOver = error.kind === 'cancelled' || error.kind === 'deadline_exceeded';
    const reason = isOver ? error : new ServingError('cancelled', 'another step of the ensemble has failed');
    const now = this.#options.clock.nowMs();
    for (const context of [...this.#running]) {
      // Their own runs end later, and the request's record is read before.
      context.outcome = reason.kind;
      context.stages.finish(now);
      context.cancel.cancel(reason);
    }
    this.#reject(error);
  }

  #settle(): void {
    const { context } = this.#request;
    this.#isSettled = true;
    context.cancel.listener = undefined;
    context.stages.enter(STAGE_SPLIT, this.#options.clock.nowMs());
    context.steps = [...this.#done, ...this.#running];
  }
}

type ServedInputs = ReadonlyMap<string, { readonly shape: readonly number[] | undefined }>;

/** The steps that these outputs need, each behind those whose outputs it takes. */
function neededSteps(steps: readonly PlannedStep[], outputs: readonly string[]): Set<PlannedStep> {
  const wanted = new Set(outputs);
  const needed: PlannedStep[] = [];
  for (const step of [...steps].reverse()) {
    if (![...step.outputs.values()].some((ours) => wanted.has(ours))) continue;
    needed.push(step);
    for (const ours of step.inputs.values()) wanted.add(ours);
  }
  return new Set(needed.reverse());
}

/** The error with the step in its message. A cancelled request's message stays as it is. */
function ofStep({ index, member }: PlannedStep, error: ServingError): ServingError {
  if (error.kind === 'internal') return error;
  const { retryAfterMs, attributes } = error;
  return new ServingError(error.kind, `step ${index + 1}, model "${member.name}": ${error.message}`, {
    cause: error.cause ?? error,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(attributes !== undefined && { attributes }),
  });
}
