/**
 * The parameters of a request that mean something to this server. All others are for models, and no runtime here takes
 * any: they are ignored.
 *
 *   timeout          µs from the request's arrival; 0 = none   the deadline, like that of a gRPC call
 *   priority         0 = the default, 1 = the highest          1 critical, 2 default, 3 and more sheddable
 *   signature_name   one of the model's signatures             our own: the protocol knows no signatures
 *   sequence_…       refused: no model keeps a state between requests
 *   triton_…         refused, as by Triton, which keeps the prefix for itself
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_{parameters,schedule_policy,sequence}.md
 */
import type { Parameters, ParameterValue } from '../../../codec/open-inference/infer-request.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { Priority, type PriorityClass } from '../../../core/priority.ts';

/** What ModelConfig tells of the priorities. */
export const PRIORITY_LEVELS = 3;
export const DEFAULT_PRIORITY_LEVEL = 2;

const BY_LEVEL: readonly PriorityClass[] = [Priority.default, Priority.critical, Priority.default];
const MICROS_PER_MS = 1000;
const RESERVED = 'triton_';

/** On a stream: each request ends in an answer that says so. Models here give one answer each, which is the last. */
export const EMPTY_FINAL_RESPONSE = 'triton_enable_empty_final_response';

export interface InferSettings {
  /** In ms from the request's arrival; undefined = none. */
  readonly timeoutMs: number | undefined;
  /** Undefined = what the transport says. */
  readonly priority: PriorityClass | undefined;
  /** Undefined = the model's own choice. */
  readonly signatureName: string | undefined;
  /** The answer has to say that it is the last one. */
  readonly wantsFinalMark: boolean;
}

const NO_SETTINGS: InferSettings = {
  timeoutMs: undefined,
  priority: undefined,
  signatureName: undefined,
  wantsFinalMark: false,
};

/** Throws ServingError: invalid_request for a value that cannot be read, unsupported. */
export function readInferSettings(parameters: Parameters): InferSettings {
  if (parameters.size === 0) return NO_SETTINGS;
  for (const [name, value] of parameters) refuseParameter(name, value);
  const micros = wholeNumber(parameters, 'timeout', 'microseconds, 0 for none');
  const level = wholeNumber(parameters, 'priority', '1 for the highest, 0 for the default');
  return {
    timeoutMs: micros === 0 ? undefined : micros / MICROS_PER_MS,
    priority: level === 0 ? undefined : (BY_LEVEL[level] ?? Priority.sheddable),
    signatureName: signatureName(parameters.get('signature_name')),
    wantsFinalMark: parameters.get(EMPTY_FINAL_RESPONSE) === true,
  };
}

function refuseParameter(name: string, value: ParameterValue): void {
  if (name.startsWith(RESERVED) && name !== EMPTY_FINAL_RESPONSE) {
    throw invalidRequest(`parameter ${quoteName(name)}: names that begin with "${RESERVED}" are reserved; rename it`);
  }
  const isSequence = name === 'sequence_id' || name === 'sequence_start' || name === 'sequence_end';
  // 0, "" and false say that the request is in no sequence.
  if (!isSequence || value === false || value === '' || Number(value) === 0) return;
  throw new ServingError(
    'unsupported',
    `parameter "${name}": this server keeps no state between requests; send the state as inputs, and no ${name}`,
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
