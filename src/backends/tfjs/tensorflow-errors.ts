/** Converts TensorFlow's errors. The binding's errors have the number of TensorFlow's status as their `code`. */
import { ServingError } from '../../core/errors.ts';

/** INVALID_ARGUMENT and OUT_OF_RANGE of tsl/protobuf/error_codes.proto: the graph has rejected the values. */
const INVALID_INPUT_CODES: readonly unknown[] = ['TF_3', 'TF_11'];

/** TensorFlow's text in one line; it lists the graph's nodes in separate lines. */
export function tensorflowText(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}

/** A failed run's error: `invalid_request` if TensorFlow has rejected the input, else `backend_failed`. */
export function runError(thrown: unknown): ServingError {
  const { code } = thrown as { readonly code?: unknown };
  const kind = INVALID_INPUT_CODES.includes(code) ? 'invalid_request' : 'backend_failed';
  return new ServingError(kind, `TensorFlow: ${tensorflowText(thrown)}`, { cause: thrown });
}

export function loadFailed(path: string, text: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', `"${path}": ${text}`, { cause });
}
