/**
 * What TensorFlow throws → what we say. The binding's errors carry the number of TensorFlow's status.
 */
import { ServingError } from '../../core/errors.ts';

/** Of tsl/protobuf/error_codes.proto: INVALID_ARGUMENT and OUT_OF_RANGE. The graph itself looked at the values. */
const INPUT_AT_FAULT: readonly unknown[] = ['TF_3', 'TF_11'];

/** TensorFlow's text in one line: it goes on with the graph's nodes in lines of their own. */
export function tensorflowText(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}

/** A failed run's error: `invalid_request` where TensorFlow found the input at fault, else `backend_failed`. */
export function runError(thrown: unknown): ServingError {
  const { code } = thrown as { readonly code?: unknown };
  const kind = INPUT_AT_FAULT.includes(code) ? 'invalid_request' : 'backend_failed';
  return new ServingError(kind, `TensorFlow: ${tensorflowText(thrown)}`, { cause: thrown });
}

export function loadFailed(path: string, text: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', `"${path}": ${text}`, { cause });
}
