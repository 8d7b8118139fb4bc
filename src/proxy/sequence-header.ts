/**
 * `x-pillion-sequence-id` and `x-pillion-sequence-step`, HTTP headers and gRPC metadata: the step of a sequence that a
 * request of TensorFlow Serving's API is, which has no field for it.
 *
 *   x-pillion-sequence-id: call-7        x-pillion-sequence-step: start       the first
 *   x-pillion-sequence-id: call-7                                             one in between
 *   x-pillion-sequence-id: call-7        x-pillion-sequence-step: end         the last; "start, end" = the only one
 */
import { invalidRequest, type ServingError } from '../core/errors.ts';
import { quoteName } from '../core/list-names.ts';
import { MAX_SEQUENCE_ID_LENGTH, type SequenceStep } from '../core/model-spec.ts';

export const SEQUENCE_ID_HEADER = 'x-pillion-sequence-id';
export const SEQUENCE_STEP_HEADER = 'x-pillion-sequence-step';

/** `header`: the value of a header by its name. Undefined without an id; an error if it cannot be read. */
export function readSequenceStep(
  header: (name: string) => string | undefined,
): SequenceStep | undefined | ServingError {
  const id = header(SEQUENCE_ID_HEADER)?.trim();
  if (id === undefined) return undefined;
  if (id === '' || id.length > MAX_SEQUENCE_ID_LENGTH) {
    const what = id === '' ? 'is empty' : `has ${id.length} characters`;
    return invalidRequest(`${SEQUENCE_ID_HEADER} ${what}; send 1 to ${MAX_SEQUENCE_ID_LENGTH}`);
  }
  let [start, end] = [false, false];
  const words = header(SEQUENCE_STEP_HEADER) ?? '';
  for (const word of words.split(',').map((each) => each.trim().toLowerCase())) {
    if (word === 'start') start = true;
    else if (word === 'end') end = true;
    else if (word !== '') {
      return invalidRequest(`${SEQUENCE_STEP_HEADER} is ${quoteName(words)}; send start, end, both, or leave it out`);
    }
  }
  return { id, start, end };
}
