/**
 * ONNX Runtime's error texts, made fit to be read by a caller, and sorted into kinds.
 *
 * ORT throws plain Errors. Their texts start with C++ source locations and function signatures, which say nothing to
 * who sent the request; what follows is kept word for word.
 */
import { ServingError } from '../../core/errors.ts';

/** Past this a text is a dump, not a message. */
const MAX_TEXT_LENGTH = 500;
/** What is looked at: ORT may quote a caller's data at any length, and the patterns below are no match for megabytes. */
const MAX_RAW_LENGTH = 4000;

/** `/onnxruntime_src/…/model.cc:187 onnxruntime::Model::Model(onnx::ModelProto&&, …) const `, one or several. */
const SOURCE_LOCATION = /(?<!\S)\S+\.(?:cc|cpp|cu|cuh|h|hpp):\d+ (?:[^()]*\([^()]*\)(?: const)?(?:::<lambda\(\)>)? )?/g;

/** Faults of the input that ORT finds before it computes anything. */
const CALLER_FAULT = /^(?:Got invalid dimensions for input|Invalid rank for input|Unexpected input data type)/;

/** What ORT threw, in one line, without what only its developers can use. */
export function ortText(thrown: unknown): string {
  const raw = (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, MAX_RAW_LENGTH);
  const line = raw
    .replace(/\s+/g, ' ')
    .replace(/^Load model from .*? failed: ?/, '')
    .replace(/^Non-zero status code returned while running (.*?)\. Name:'(.*?)' Status Message: /, '$1 "$2": ')
    .replace(SOURCE_LOCATION, '')
    .replace(' Please fix either the inputs/outputs or the model.', '')
    .trim();
  return line.length > MAX_TEXT_LENGTH ? `${line.slice(0, MAX_TEXT_LENGTH)}…` : line;
}

/** What `run` threw: `invalid_request` where the input's shape or dtype is at fault, else `backend_failed`. */
export function runError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  const text = ortText(thrown);
  if (CALLER_FAULT.test(text)) return new ServingError('invalid_request', text, { cause: thrown });
  return new ServingError('backend_failed', `ONNX Runtime could not run the model: ${text}`, { cause: thrown });
}
