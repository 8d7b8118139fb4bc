/**
 * Models that answer in another's place, as they are configured:
 *
 *   fallback     it is not there, its batches fail, its circuit breaker is open
 *   degrade_to   it has too much to do
 *
 * Whoever stands in may have a stand-in of its own, and so on; each version is asked once. It must have the signature,
 * take the inputs and give the outputs. Where nobody answers, the caller hears the first error with what came of the
 * others. The answer says whose it is: its model_spec, and `x-inference-served-by` (served-by.ts).
 */
import type { ModelChoice } from '../../config/model-config.ts';
import { type ErrorKind, ServingError, toServingError } from '../../core/errors.ts';
import { listNames } from '../../core/list-names.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { SchedulerRequest, ServableHandle } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { FallbackReason } from '../../telemetry/request-record.ts';
import type { RequestContext } from '../request-context.ts';
import { checkInputs } from './check-inputs.ts';

/** A checked request that may move to another model. */
export interface MovableRequest extends SchedulerRequest {
  readonly context: RequestContext;
  readonly served: ServedSignature;
  /** Queues it on its own model. Throws or rejects with ServingError. */
  ask(): Promise<TensorMap>;
  /** Gives back what it has, and stands from now on for this, which has answered. */
  moveTo(handle: ServableHandle, served: ServedSignature): void;
}

/** Somebody else to ask. */
interface Fallback {
  readonly handle: ServableHandle;
  readonly served: ServedSignature;
  readonly reason: FallbackReason;
}

/** What is known of a search: where it stands, and what came of it. */
interface Search {
  readonly signatureName: string;
  /** What the stand-in must take and give; undefined where the request has not been decoded yet. */
  readonly request: MovableRequest | undefined;
  /** The model that is asked to name the next one. */
  asked: string;
  /** Choices that were made and versions that were asked: none of them twice. */
  readonly seen: Set<ModelChoice | ServedSignature>;
  /** Why those that were found did not answer. */
  readonly failures: string[];
}

export class Fallbacks {
  readonly #models: ServableDirectory;

  constructor(models: ServableDirectory) {
    this.#models = models;
  }

  /** Somebody who answers for a model that is not there. Throws `error`, which said so, where there is nobody. */
  insteadOf(spec: ModelSpec, error: ServingError, context: RequestContext): Fallback {
    if (!this.#isAbsence(spec, error)) throw error;
    const signatureName = spec.signatureName || DEFAULT_SIGNATURE_NAME;
    const search: Search = { signatureName, request: undefined, asked: spec.name, seen: new Set(), failures: [] };
    const found = this.#next(search, error);
    if (found === undefined) throw withFailures(error, search);
    noteOn(context, spec.name, found);
    return found;
  }

  /** What the request's own model answers, or another one, to which the request has moved then. */
  async orElse(request: MovableRequest): Promise<TensorMap> {
    try {
      return await request.ask();
    } catch (thrown) {
      return await this.#answerElsewhere(request, toServingError(thrown));
    }
  }

  async #answerElsewhere(request: MovableRequest, first: ServingError): Promise<TensorMap> {
    const { served, context } = request;
    const asked = context.fallback?.asked ?? served.name;
    const { signatureName } = served;
    const search: Search = { signatureName, request, asked: served.name, seen: new Set([served]), failures: [] };
    for (let error = first; ; ) {
      // Nobody is there any more to hear another's answer.
      if (context.cancel.isCancelled) throw error;
      const found = this.#next(search, error);
      if (found === undefined) throw withFailures(first, search);
      try {
        const outputs = await runOn(found, request);
        request.moveTo(found.handle, found.served);
        noteOn(context, asked, found);
        return outputs;
      } catch (thrown) {
        error = toServingError(thrown);
        search.failures.push(`"${found.served.name}": ${error.message}`);
      }
    }
  }

  /** The next that can be asked after `error`; undefined: there is none. */
  #next(search: Search, error: ServingError): Fallback | undefined {
    for (let cause = error; ; ) {
      const reason = reasonOf(cause.kind);
      if (reason === undefined) return undefined;
      const named = this.#models.fallbacks?.(search.asked);
      const choice = reason === 'fallback' ? named?.fallback : named?.degradeTo;
      if (choice === undefined || search.seen.has(choice)) return undefined;
      search.seen.add(choice);
      search.asked = choice.name;
      try {
        return fallback(this.#models.acquire(choice.name, choice), reason, search);
      } catch (thrown) {
        cause = toServingError(thrown);
        search.failures.push(`"${choice.name}": ${cause.message}`);
      }
    }
  }

  /** It is configured and not there for now: other than a version or label that nobody has ever heard of. */
  #isAbsence({ name, version }: ModelSpec, { kind }: ServingError): boolean {
    if (kind === 'model_not_ready') return true;
    if (kind !== 'model_not_found') return false;
    if (version === undefined) return true;
    try {
      return this.#models.status(name, { version }).length > 0;
    } catch {
      return false;
    }
  }
}

function reasonOf(kind: ErrorKind): FallbackReason | undefined {
  switch (kind) {
    case 'overloaded':
      return 'degraded';
    case 'backend_failed':
    case 'backend_unavailable':
    case 'worker_lost':
    case 'internal':
    case 'model_not_ready':
    case 'model_not_found':
      return 'fallback';
    default:
      return undefined;
  }
}

/** Undefined if it was asked before. Throws if it does not fit; nothing stays borrowed then. */
function fallback(handle: ServableHandle, reason: FallbackReason, search: Search): Fallback | undefined {
  try {
    const { servable } = handle;
    const served = servable.served.get(search.signatureName);
    if (served === undefined) {
      const names = listNames(servable.signatures.keys());
      throw new ServingError('signature_not_found', `it has no signature "${search.signatureName}"; it has: ${names}`);
    }
    if (search.request !== undefined) checkFits(search.request, served);
    if (!search.seen.has(served)) {
      search.seen.add(served);
      return { handle, served, reason };
    }
  } catch (error) {
    handle.release();
    throw error;
  }
  handle.release();
  return undefined;
}

/** Throws `invalid_request` if the signature does not take the inputs or give the outputs. */
function checkFits({ inputs, outputs }: MovableRequest, served: ServedSignature): void {
  const missing = outputs.filter((name) => !served.signature.outputs.has(name));
  if (missing.length > 0) {
    const text = `it does not give ${listNames(missing)}; its outputs: ${listNames(served.outputNames)}`;
    throw new ServingError('invalid_request', text);
  }
  checkInputs(served, served.signature, inputs);
}

/** A version that is unloaded waits for what was submitted to it by itself. */
async function runOn({ handle, served }: Fallback, { inputs, outputs, context }: MovableRequest): Promise<TensorMap> {
  try {
    const { signatureName, signature } = served;
    const ordered = checkInputs(served, signature, inputs);
    return await handle.servable.runner.submit({ signatureName, inputs: ordered, outputs, context });
  } finally {
    handle.release();
  }
}

function noteOn(context: RequestContext, asked: string, { served, reason }: Fallback): void {
  context.model = served.name;
  context.version = served.versionText;
  context.signatureName = served.signatureName;
  context.fallback = { asked, reason, at: context.now() };
}

/** The first error, and what came of asking others. */
function withFailures(error: ServingError, { failures }: Search): ServingError {
  if (failures.length === 0) return error;
  const { kind, retryAfterMs, attributes } = error;
  return new ServingError(kind, `${error.message}; nor did another answer in its place: ${failures.join('; ')}`, {
    cause: error.cause ?? error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(attributes === undefined ? {} : { attributes }),
  });
}
