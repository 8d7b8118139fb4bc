/**
 * Finds the model that answers a request in place of one that cannot:
 *
 *   fallback     the model is not available, its batches fail, or its circuit breaker is open
 *   degrade_to   the model is overloaded
 *
 * A fallback may have a fallback of its own, and so on; each version is tried once. A fallback must have the signature,
 * take the inputs and give the outputs. If none answers, the caller gets the first error, followed by the errors of the
 * fallbacks. An answer names the model that gave it: in its model_spec, and in `x-inference-served-by` (served-by.ts).
 */
import type { ModelChoice } from '../../config/model-config.ts';
import { type ErrorKind, ServingError, toServingError } from '../../core/errors.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { FallbackReason } from '../../ledger/request-record.ts';
import type { ServableHandle } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { Fallbacks, MovableRequest, StandIn } from '../../proxy/handlers/model-resolver.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { ModelFallbacks } from './keys.ts';

interface Fallback extends StandIn {
  readonly reason: FallbackReason;
}

/** The state of one search for a fallback. */
interface Search {
  readonly signatureName: string;
  /** Its inputs and outputs must fit the fallback; undefined if the request has not been decoded yet. */
  readonly request: MovableRequest | undefined;
  /** The model whose configuration names the next fallback. */
  model: string;
  /** The choices and versions that have been tried. */
  readonly seen: Set<ModelChoice | ServedSignature>;
  /** Why the fallbacks that were found did not answer. */
  readonly failures: string[];
}

export class FallbackSearch implements Fallbacks {
  readonly #models: Pick<ServableDirectory, 'acquire' | 'status'>;
  readonly #namedBy: (model: string) => ModelFallbacks | undefined;

  /** `namedBy`: what the model's configuration names; undefined = nothing. */
  constructor(
    models: Pick<ServableDirectory, 'acquire' | 'status'>,
    namedBy: (model: string) => ModelFallbacks | undefined,
  ) {
    this.#models = models;
    this.#namedBy = namedBy;
  }

  has(model: string): boolean {
    return this.#namedBy(model) !== undefined;
  }

  acquire(spec: ModelSpec, error: ServingError, context: RequestContext): Fallback {
    if (!this.#isAbsence(spec, error)) throw error;
    const signatureName = spec.signatureName || DEFAULT_SIGNATURE_NAME;
    const search: Search = { signatureName, request: undefined, model: spec.name, seen: new Set(), failures: [] };
    const found = this.#next(search, error);
    if (found === undefined) throw withFailures(error, search);
    recordFallback(context, spec.name, found);
    return found;
  }

  async run(request: MovableRequest): Promise<TensorMap> {
    try {
      return await request.runOnResolved();
    } catch (thrown) {
      return await this.#runOnFallback(request, toServingError(thrown));
    }
  }

  async #runOnFallback(request: MovableRequest, first: ServingError): Promise<TensorMap> {
    const { served, context } = request;
    const asked = context.fallback?.asked ?? served.name;
    const { signatureName } = served;
    const search: Search = { signatureName, request, model: served.name, seen: new Set([served]), failures: [] };
    for (let error = first; ; ) {
      // The client has left, or its deadline has passed.
      if (context.cancel.isCancelled) throw error;
      const found = this.#next(search, error);
      if (found === undefined) throw withFailures(first, search);
      try {
        const outputs = await runOn(found, request);
        request.moveTo(found.handle, found.served);
        recordFallback(context, asked, found);
        return outputs;
      } catch (thrown) {
        error = toServingError(thrown);
        search.failures.push(`"${found.served.name}": ${error.message}`);
      }
    }
  }

  /** Borrows the next fallback after `error`; undefined if there is none. */
  #next(search: Search, error: ServingError): Fallback | undefined {
    for (let cause = error; ; ) {
      const reason = reasonOf(cause.kind);
      if (reason === undefined) return undefined;
      const named = this.#namedBy(search.model);
      const choice = reason === 'fallback' ? named?.fallback : named?.degradeTo;
      if (choice === undefined || search.seen.has(choice)) return undefined;
      search.seen.add(choice);
      search.model = choice.name;
      try {
        return checkedFallback(this.#models.acquire(choice.name, choice), reason, search);
      } catch (thrown) {
        cause = toServingError(thrown);
        search.failures.push(`"${choice.name}": ${cause.message}`);
      }
    }
  }

  /** Is the model or version configured but not available? False for a version or label that is unknown. */
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
    case 'worker_crashed':
    case 'internal':
    case 'model_not_ready':
    case 'model_not_found':
      return 'fallback';
    default:
      return undefined;
  }
}

/** Undefined if the version has been tried. Throws if it does not fit. Releases the handle in both cases. */
function checkedFallback(handle: ServableHandle, reason: FallbackReason, search: Search): Fallback | undefined {
  try {
    const { servable } = handle;
    const served = servable.served.get(search.signatureName);
    if (served === undefined) {
      const names = listNames(servable.signatures.keys());
      throw new ServingError(
        'signature_not_found',
        `it has no signature ${quoteName(search.signatureName)}; it has: ${names}`,
      );
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
function checkFits(request: MovableRequest, served: ServedSignature): void {
  const missing = request.outputs.filter((name) => !served.signature.outputs.has(name));
  if (missing.length > 0) {
    const text = `it does not give ${listNames(missing)}; its outputs: ${listNames(served.outputNames)}`;
    throw new ServingError('invalid_request', text);
  }
  request.checkFits(served);
}

/** Holds the version until it has answered. */
async function runOn(found: Fallback, request: MovableRequest): Promise<TensorMap> {
  try {
    return await request.runOn(found);
  } finally {
    found.handle.release();
  }
}

function recordFallback(context: RequestContext, asked: string, { served, reason }: Fallback): void {
  context.model = served.name;
  context.version = served.versionText;
  context.signatureName = served.signatureName;
  context.fallback = { asked, reason, at: context.now() };
}

/** The first error, followed by those of the fallbacks. */
function withFailures(error: ServingError, { failures }: Search): ServingError {
  if (failures.length === 0) return error;
  const { kind, retryAfterMs, attributes } = error;
  return new ServingError(kind, `${error.message}; nor did another answer in its place: ${failures.join('; ')}`, {
    cause: error.cause ?? error,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(attributes === undefined ? {} : { attributes }),
  });
}
