/** The errors of refused steps. Each text says why, and how to go on. */
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { MAX_SEQUENCE_ID_LENGTH } from '../../core/model-spec.ts';
import type { SequenceEnd } from './sequence.ts';
import type { SequenceLimits } from './sequence-limits.ts';

const START = 'start it again: sequence_start, or "x-pillion-sequence-step: start"';
const STEP_RETRY_MS = 100;
const STAGE = { attributes: { stage: 'admit', reason: 'sequence' } };

/** `end`: how it ended; undefined: no such sequence is known. */
export function sequenceLost(
  model: string,
  id: string,
  end: SequenceEnd | undefined,
  { idleMs }: SequenceLimits,
): ServingError {
  const what = `sequence ${quoteName(id)} of model "${model}"`;
  const attributes = { ...STAGE.attributes, sequence_end: end ?? 'unknown' };
  return new ServingError('sequence_lost', `${what} ${whyLost(end, idleMs)}; ${START}`, { attributes });
}

function whyLost(end: SequenceEnd | undefined, idleMs: number): string {
  switch (end) {
    case undefined:
      return 'is not known here: you have not started it, it ended long ago, or this server has started since';
    case 'ended':
      return 'has ended: an earlier step said so';
    case 'restarted':
      return 'was started anew meanwhile';
    case 'expired':
      return `has expired: it had no step for ${idleMs} ms`;
    case 'evicted':
      return 'was given up: it had no step for a while, and others needed the room';
    case 'start_failed':
      return 'has no state: its first step was refused or failed';
    case 'version_gone':
      return 'has lost its state: the version that it ran on was unloaded';
    case 'model_gone':
      return 'has lost its state: the model was taken off the list';
  }
}

/** The request names another version than the one that the sequence runs on. */
export function otherVersion(model: string, id: string, runsOn: bigint, named: bigint): ServingError {
  return new ServingError(
    'sequence_lost',
    `sequence ${quoteName(id)} of model "${model}" runs on version ${runsOn} until it ends, and the request names ` +
      `version ${named}; leave the version out, or ${START}`,
    STAGE,
  );
}

export function tooManySequences(
  model: string,
  whose: 'yours' | 'all',
  most: number,
  retryAfterMs: number,
): ServingError {
  const who = whose === 'yours' ? 'you have' : 'all callers together have';
  return new ServingError(
    'overloaded',
    `${who} ${most} sequences of model "${model}", the most there may be (sequences in its configuration); ` +
      'end one with sequence_end, or try again later',
    { retryAfterMs: Math.ceil(retryAfterMs), attributes: STAGE.attributes },
  );
}

export function stateTooLarge(model: string, whose: 'yours' | 'all', most: number, wanted: number): ServingError {
  const who = whose === 'yours' ? 'your sequences' : 'the sequences of all callers';
  return new ServingError(
    'too_large',
    `the states of ${who} of model "${model}" would take ${wanted} bytes, and ${most} are the most (sequences in its ` +
      'configuration); the sequence is as before this step: end it, or others',
    STAGE,
  );
}

/** Too many steps of one sequence wait. */
export function tooManySteps(model: string, id: string, most: number): ServingError {
  return new ServingError(
    'overloaded',
    `${most} steps of sequence ${quoteName(id)} of model "${model}" wait for those before them, the most there may be; ` +
      'send each step when the one before is answered',
    { retryAfterMs: STEP_RETRY_MS, attributes: STAGE.attributes },
  );
}

/** The states that all models keep leave no room. */
export function noMemoryToKeep(model: string, limitBytes: number, retryAfterMs: number): ServingError {
  return new ServingError(
    'overloaded',
    `the server keeps all that it may for sequences, ${Math.round(limitBytes)} bytes over all models, so there is no ` +
      `room for this step of model "${model}"; the sequence is as before it: end others, or try again later`,
    { retryAfterMs: Math.ceil(retryAfterMs), attributes: STAGE.attributes },
  );
}

/** The model takes ids of another kind. */
export function unfitId(input: string, id: string, dtype: string): ServingError {
  const text = `the sequence id ${quoteName(id)} is no ${dtype}, which the model's input ${quoteName(input)} takes`;
  return new ServingError('invalid_request', `${text}; send a number that it can hold`, STAGE);
}

/** A step that goes on brings a value of the state itself. */
export function stateIsKept(input: string): ServingError {
  return new ServingError(
    'invalid_request',
    `input ${quoteName(input)} is the state of the sequence, which the server has; leave it out, or ${START}`,
    STAGE,
  );
}

/** A first step lacks a value that it must bring. */
export function stateIsMissing(input: string): ServingError {
  return new ServingError(
    'invalid_request',
    `input ${quoteName(input)} is missing: the first step of a sequence brings the state that it begins with`,
    STAGE,
  );
}

/** Throws `invalid_request` for an id that cannot be one. */
export function checkSequenceId(id: string | bigint): string {
  const text = String(id);
  if (text.length > 0 && text.length <= MAX_SEQUENCE_ID_LENGTH) return text;
  const what = text.length === 0 ? 'is empty' : `has ${text.length} characters`;
  throw new ServingError('invalid_request', `the sequence id ${what}; send 1 to ${MAX_SEQUENCE_ID_LENGTH}`, STAGE);
}
