/**
 * Triton's own words. Its clients and their tests match on the beginning of an error's text, so errors of this protocol
 * begin as Triton's do, and ours follow: what was sent, what the model wants, one fix.
 */
import { DATATYPES } from '../../codec/open-inference/datatypes.ts';
import type { RequestedOutput } from '../../codec/open-inference/infer-request.ts';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { cutName } from '../../core/list-names.ts';
import type { ModelSpec, SequenceStep } from '../../core/model-spec.ts';
import { formatShape, type Shape, shapeFits } from '../../core/shape.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServedSignature } from '../../models/serving/served-signature.ts';
import type { RequestContext } from '../../proxy/request-context.ts';

/** The same error with `words` in front of its text. */
export function prefixed(
  words: string,
  { kind, message, cause, retryAfterMs, attributes }: ServingError,
): ServingError {
  return new ServingError(kind, `${words}; ${message}`, {
    cause,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(attributes !== undefined && { attributes }),
  });
}

/**
 * A model that cannot be asked: its error begins with Triton's words for it. Anything else that was thrown is returned
 * as it is. `names`: of the configured models.
 */
export function modelWords(
  thrown: unknown,
  { name, version, label }: ModelSpec,
  names: readonly string[],
  { surface }: RequestContext,
): unknown {
  if (!(thrown instanceof ServingError)) return thrown;
  const quoted = `'${cutName(name)}'`;
  if (thrown.kind === 'label_not_found') {
    // Over HTTP Triton has no such path.
    if (surface === 'rest') return new ServingError('model_not_found', thrown.message);
    const text = `failed to get model version from specified version string '${cutName(label ?? '')}'`;
    return prefixed(`${text} (details: no number), version should be an integral value > 0`, thrown);
  }
  if (thrown.kind !== 'model_not_found') return thrown;
  if (version !== undefined) {
    const which = `Request for unknown model: ${quoted} version ${version}`;
    const isThere = thrown.attributes?.['loadFailed'] === true;
    if (isThere) return new ServingError('model_not_ready', `${which} is not at ready state; ${thrown.message}`);
    return prefixed(`${which} is not found`, thrown);
  }
  const what = names.includes(name) ? 'has no available versions' : 'is not found';
  return prefixed(`Request for unknown model: ${quoted} ${what}`, thrown);
}

/** How a sequence ended whose next step has to start another. Any other end is the server's, and its error says which. */
const WANTS_START: ReadonlySet<unknown> = new Set(['unknown', 'ended']);

/** A step that is refused: INVALID_ARGUMENT as in Triton, where another protocol says FAILED_PRECONDITION. */
export function sequenceWords(thrown: unknown, { name }: ModelSpec, step: SequenceStep | undefined): unknown {
  if (!(thrown instanceof ServingError)) return thrown;
  if (thrown.kind === 'sequence_lost') {
    const { message, attributes = {} } = thrown;
    const end = attributes['sequence_end'];
    const what = WANTS_START.has(end)
      ? 'must specify the START flag on the first request of the sequence'
      : 'comes after the sequence was lost';
    const text = `inference request for sequence ${step?.id} to model '${cutName(name)}' ${what}; ${message}`;
    // The sequence of a step without an end goes on, on another version than the request names.
    return new ServingError('invalid_request', end === undefined ? message : text, { attributes });
  }
  if (step !== undefined || thrown.attributes?.['reason'] !== 'sequence') return thrown;
  const words = `inference request to model '${cutName(name)}' must specify a non-zero or non-empty correlation ID`;
  return prefixed(words, thrown);
}

/** Inputs or outputs that do not fit the signature. */
export function tensorWords(
  thrown: unknown,
  served: ServedSignature,
  sent: TensorMap,
  outputs: readonly RequestedOutput[],
): unknown {
  if (!(thrown instanceof ServingError) || thrown.kind !== 'invalid_request') return thrown;
  const words = tensorFault(served, sent, outputs);
  return words === undefined ? thrown : prefixed(words, thrown);
}

function tensorFault(
  { name, signature }: ServedSignature,
  sent: TensorMap,
  outputs: readonly RequestedOutput[],
): string | undefined {
  const names = nameFault(name, signature, sent);
  if (names !== undefined) return names;
  for (const [input, { dtype }] of sent) {
    const wanted = signature.inputs.get(input)!.dtype;
    if (dtype === wanted) continue;
    return `inference input '${input}' data-type is '${DATATYPES[dtype]}', but model '${name}' expects '${DATATYPES[wanted]}'`;
  }
  const unknown = outputs.find((output) => !signature.outputs.has(output.name));
  return unknown && `unexpected inference output '${cutName(unknown.name)}' for model '${name}'`;
}

function nameFault(name: string, { inputs, defaults, kept }: Signature, sent: TensorMap): string | undefined {
  const needed = [...inputs.keys()].filter(
    (input) => defaults?.has(input) !== true && kept?.nextOf.has(input) !== true,
  );
  const missing = needed.filter((input) => !sent.has(input));
  const surplus = [...sent.keys()].find((input) => !inputs.has(input));
  if (missing.length === 0 && surplus === undefined) return undefined;
  if (sent.size === needed.length && surplus !== undefined)
    return `unexpected inference input '${cutName(surplus)}' for model '${name}'`;
  const counts = `expected ${needed.length} inputs but got ${sent.size} inputs for model '${name}'`;
  const lists = `Got input(s) ${list(sent.keys())}, but missing required input(s) ${list(missing)}`;
  return `${counts}. ${lists}. Please provide all required input(s).`;
}

function list(names: Iterable<string>): string {
  return `[${[...names]
    .slice(0, 16)
    .map((name) => `'${cutName(name)}'`)
    .join(',')}]`;
}

/** The first input whose shape is not the declared one. */
export function shapeWords({ name, signature }: ServedSignature, sent: TensorMap): string | undefined {
  for (const [input, { shape }] of sent) {
    const wanted: Shape | undefined = signature.inputs.get(input)?.shape;
    if (wanted === undefined || shapeFits(shape, wanted)) continue;
    const expected = formatShape(wanted).replaceAll('?', '-1');
    return `unexpected shape for input '${input}' for model '${name}'. Expected ${expected}, got ${formatShape(shape)}`;
  }
  return undefined;
}

/** A request for the statistics of what is not there: INVALID_ARGUMENT in Triton. */
export function statisticsWords(thrown: unknown, name: string, version: string): unknown {
  if (!(thrown instanceof ServingError) || thrown.kind !== 'model_not_found') return thrown;
  const what =
    version === ''
      ? `requested model '${cutName(name)}' is not available`
      : `requested model version is not available for model '${cutName(name)}'`;
  return invalidRequest(`${what}; ${thrown.message}`);
}
