/**
 * The parameters of a request that mean something to this server. All others are for models, and no runtime here takes
 * any: they are ignored.
 *
 *   timeout          µs from the request's arrival; 0 = none   the deadline, like that of a gRPC call
 *   priority         0 = the default, 1 = the highest          1 critical, 2 default, 3 and more sheddable
 *   signature_name   one of the model's signatures             our own: the protocol knows no signatures
 *   sequence_id, …   0, '' = none                              its step of a sequence: src/features/sequences/README.md
 *   triton_…         refused, as by Triton, which keeps the prefix for itself
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_{parameters,schedule_policy,sequence}.md
 */
import type { Parameters, ParameterValue } from '../../codec/open-inference/infer-request.ts';
import { invalidRequest } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { MAX_SEQUENCE_ID_LENGTH, type SequenceStep } from '../../core/model-spec.ts';
import { Priority, type PriorityClass } from '../../core/priority.ts';

const BY_LEVEL: readonly PriorityClass[] = [Priority.default, Priority.critical, Priority.default];
const MICROS_PER_MS = 1000;
const RESERVED = 'triton_';

/** Asks for a last answer without outputs, where a model gives several. Models here give one, which is the last. */
const EMPTY_FINAL_RESPONSE = 'triton_enable_empty_final_response';

export interface InferSettings {
  /** Milliseconds from the request's arrival; undefined = none. */
  readonly timeoutMs: number | undefined;
  /** Undefined = what the transport says. */
  readonly priority: PriorityClass | undefined;
  /** Undefined = the model's own choice. */
  readonly signatureName: string | undefined;
  /** Undefined = what the transport says. */
  readonly sequence: SequenceStep | undefined;
}

const NO_SETTINGS: InferSettings = {
  timeoutMs: undefined,
  priority: undefined,
  signatureName: undefined,
  sequence: undefined,
};

/** Throws `invalid_request` for a value that cannot be read. */
export function readInferSettings(parameters: Parameters): InferSettings {
  if (parameters.size === 0) return NO_SETTINGS;
  for (const [name, value] of parameters) refuseReserved(name, value);
  const micros = wholeNumber(parameters, 'timeout', 'microseconds, 0 for none');
  const level = wholeNumber(parameters, 'priority', '1 for the highest, 0 for the default');
  return {
    timeoutMs: micros === 0 ? undefined : micros / MICROS_PER_MS,
    priority: level === 0 ? undefined : (BY_LEVEL[level] ?? Priority.sheddable),
    signatureName: signatureName(parameters.get('signature_name')),
    sequence: sequenceStep(parameters),
  };
}

function refuseReserved(name: string, value: ParameterValue): void {
  if (!name.startsWith(RESERVED)) return;
  if (name !== EMPTY_FINAL_RESPONSE) {
    const words = "parameter keys starting with 'triton_' are reserved for Triton usage";
    throw invalidRequest(`${words}; rename ${quoteName(name)}`);
  }
  if (typeof value === 'boolean') return;
  const words = `invalid value type for '${EMPTY_FINAL_RESPONSE}' parameter, expected bool_param.`;
  throw invalidRequest(`${words} Every answer of a stream is marked: leave it out`);
}

function sequenceStep(parameters: Parameters): SequenceStep | undefined {
  const id = sequenceId(parameters.get('sequence_id'));
  const start = flag(parameters, 'sequence_start');
  const end = flag(parameters, 'sequence_end');
  if (id !== undefined) return { id, start, end };
  if (!start && !end) return undefined;
  throw invalidRequest(`parameter "sequence_${start ? 'start' : 'end'}" without "sequence_id"; send the sequence's id`);
}

/** Undefined = the request is in no sequence. */
function sequenceId(value: ParameterValue = 0): string | bigint | undefined {
  if (typeof value === 'string') {
    if (value.length <= MAX_SEQUENCE_ID_LENGTH) return value || undefined;
    throw invalidRequest(
      `parameter "sequence_id" has ${value.length} characters; send at most ${MAX_SEQUENCE_ID_LENGTH}`,
    );
  }
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (isWhole && value >= 0) return BigInt(value) || undefined;
  throw invalidRequest(`parameter "sequence_id" is ${value}; send a text, or a whole number of 0 or more`);
}

function flag(parameters: Parameters, name: string): boolean {
  const value = parameters.get(name) ?? false;
  if (typeof value === 'boolean') return value;
  throw invalidRequest(
    `parameter "${name}" is ${typeof value === 'string' ? quoteName(value) : value}; send true or false`,
  );
}

/** 0 if it is absent. */
function wholeNumber(parameters: Parameters, name: string, unit: string): number {
  const value = parameters.get(name) ?? 0;
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const number = isNumber ? Number(value) : Number.NaN;
  if (number >= 0 && Number.isInteger(number)) return number;
  const sent = typeof value === 'string' ? quoteName(value) : String(value);
  throw invalidRequest(`parameter "${name}" is ${sent}; send a whole number of 0 or more: ${unit}`);
}

function signatureName(value: ParameterValue | undefined): string | undefined {
  if (value === undefined || typeof value === 'string') return value || undefined;
  throw invalidRequest(`parameter "signature_name" is ${value}; send the name of a signature, as text`);
}
