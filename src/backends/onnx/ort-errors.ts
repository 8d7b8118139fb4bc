/**
 * Converts ONNX Runtime's errors into ServingErrors.
 *
 * ORT throws plain Errors. Their texts start with C++ source locations and function signatures, which are removed; the
 * rest is kept.
 */
import { getSystemErrorMap } from 'node:util';
import { ServingError } from '../../core/errors.ts';
import { type InferenceSession, requireBinding } from '../../internals/ort-library.ts';

const MAX_TEXT_LENGTH = 500;
/** Limits the time of the patterns below: ORT may quote a caller's data at any length. */
const MAX_RAW_LENGTH = 4000;

/** `/onnxruntime_src/…/model.cc:187 onnxruntime::Model::Model(onnx::ModelProto&&, …) const `; there may be several. */
const SOURCE_LOCATION = /(?<!\S)\S+\.(?:cc|cpp|cu|cuh|h|hpp):\d+ (?:[^()]*\([^()]*\)(?: const)?(?:::<lambda\(\)>)? )?/g;

/** The template's arguments of a failed call of CUDA, and its place: the host's name, a file, a line, an expression. */
const CUDA_CALL = /\[with ERRTYPE[^\]]*\] ?| ?; GPU=-?\d+ ;.*$/g;

/** Errors of the input that ORT detects before it computes. */
const CALLER_FAULT = /^(?:Got invalid dimensions for input|Invalid rank for input|Unexpected input data type)/;

/** The error's text in one line, without source locations. */
export function ortText(thrown: unknown): string {
  const raw = (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, MAX_RAW_LENGTH);
  const line = raw
    .replace(/\s+/g, ' ')
    .replace(/^Load model from .*? failed: ?/, '')
    .replace(/^Non-zero status code returned while running (.*?)\. Name:'(.*?)' Status Message: /, '$1 "$2": ')
    .replace(SOURCE_LOCATION, '')
    .replace(CUDA_CALL, '')
    .replace(/^system error number (\d+)$/, (whole, number) => systemError(Number(number)) ?? whole)
    .replace(' Please fix either the inputs/outputs or the model.', '')
    .trim();
  return line.length > MAX_TEXT_LENGTH ? `${line.slice(0, MAX_TEXT_LENGTH)}…` : line;
}

/** ORT could not open a file, and gives the number alone. Its name shows that another attempt may succeed. */
function systemError(number: number): string | undefined {
  const [name, text] = getSystemErrorMap().get(-number) ?? [];
  if (name === undefined) return undefined;
  return `${name}: ${text}${name === 'EMFILE' ? '; raise the limit of open files (ulimit -n)' : ''}`;
}

/** A model with text operators names a locale that the C library of this machine does not have. */
const NO_LOCALE = /Failed to construct locale with name: ?([\w.@-]{1,40})/;

/**
 * A text for a model whose text operators want a locale that is not installed; undefined for another error. ONNX Runtime asks
 * for packages whose names not every system has.
 */
export function missingLocaleText(text: string): string | undefined {
  const locale = NO_LOCALE.exec(text)?.[1];
  if (locale === undefined) return undefined;
  return (
    `its text operators want the locale ${locale}, which this machine does not have; install it (Debian, Ubuntu: ` +
    `"apt-get install locales-all"; elsewhere: "localedef -i ${locale.replace(/\..*/, '')} -f UTF-8 ${locale}"), or export ` +
    'the model with one that Debian, Ubuntu and Fedora have: skl2onnx.to_onnx(…, options={TfidfVectorizer: {"locale": "C.UTF-8"}}), and the ' +
    'same for CountVectorizer'
  );
}

/** A failed run's error: `invalid_request` if the input's shape or dtype is wrong, else `backend_failed`. */
export function runError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  const text = ortText(thrown);
  if (CALLER_FAULT.test(text)) return new ServingError('invalid_request', text, { cause: thrown });
  return new ServingError('backend_failed', `ONNX Runtime could not run the model: ${text}`, { cause: thrown });
}

/** The values of TensorProto.DataType that onnxruntime-node cannot exchange. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
};

/**
 * A text that names the tensor for which onnxruntime-node rejected a model with "Unsupported data type: 16"; undefined
 * for another error. The public API throws before it shows any names. The private binding below it has them, so the
 * model is opened once more through the binding. Without the binding, the text is less exact.
 */
export async function unsupportedTypeText(
  file: string,
  options: InferenceSession.SessionOptions,
  error: unknown,
): Promise<string | undefined> {
  const type = error instanceof Error ? /^Unsupported data type: (\d+)/.exec(error.message)?.[1] : undefined;
  if (type === undefined) return undefined;
  const name = await nameOfTensor(file, options, Number(type)).catch(() => undefined);
  const tensor = name === undefined ? 'an input or output' : `"${name}"`;
  const typeName = TYPE_NAMES[Number(type)] ?? `of ONNX element type ${type}`;
  return `${tensor} is ${typeName}, which ONNX Runtime for Node cannot exchange; add a Cast to float32 to the model`;
}

async function nameOfTensor(
  file: string,
  options: InferenceSession.SessionOptions,
  type: number,
): Promise<string | undefined> {
  const { binding } = requireBinding();
  const session = new binding.InferenceSession();
  try {
    session.loadModel(file, options);
    return [...session.inputMetadata, ...session.outputMetadata].find((m) => m.isTensor && m.type === type)?.name;
  } finally {
    session.dispose();
  }
}
