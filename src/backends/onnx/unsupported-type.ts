/**
 * Which input or output made onnxruntime-node refuse a model with "Unsupported data type: 16"?
 *
 * Its public API throws before it shows any names. The binding under it has them, so on this one error path the model is
 * opened once more through that private module; where it is gone, the answer is only less exact.
 */
import { type InferenceSession, importBinding } from './ort-library.ts';

/** TensorProto.DataType, of those that onnxruntime-node cannot exchange. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
};

/** A text that names the tensor, or undefined if `error` is another one. */
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
