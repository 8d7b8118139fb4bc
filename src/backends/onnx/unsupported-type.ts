/**
 * Finds the input or output for which onnxruntime-node rejected a model with "Unsupported data type: 16".
 *
 * The public API throws before it shows any names. The private binding below it has them, so on this error path the
 * model is opened once more through the binding. Without the binding, the text is less exact.
 */
import { type InferenceSession, importBinding } from './ort-library.ts';

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

/** A text that names the tensor, or undefined if `error` is another error. */
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
  const { binding } = await importBinding();
  const session = new binding.InferenceSession();
  try {
    session.loadModel(file, options);
    return [...session.inputMetadata, ...session.outputMetadata].find((m) => m.isTensor && m.type === type)?.name;
  } finally {
    session.dispose();
  }
}
