/** Backend onnx as the contract of backends wants it: models that copy their input. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendUnderTest, TestModel } from '../../src/api/contract/backend-under-test.ts';
import { DTYPES } from '../../src/core/dtype.ts';
import { onnxModel } from '../support/onnx-model.ts';

export const ONNX: BackendUnderTest = {
  kind: 'onnx',
  dtypes: DTYPES.filter((dtype) => dtype !== 'bfloat16'),
  hasByteStrings: false,
  refusesShapes: true,
  missingProvider: 'cuda',
  writeModel: (directory, model) => writeFileSync(join(directory, 'model.onnx'), copyModel(model)),
  writeCorruptModel: (directory) => {
    const whole = copyModel({ dtype: 'float32', dims: ['N', 2], outputs: ['a'] });
    writeFileSync(join(directory, 'model.onnx'), whole.subarray(0, whole.byteLength / 2));
    return 'model.onnx';
  },
};

function copyModel({ dtype, dims, outputs, isHeavy }: TestModel): Uint8Array {
  const columns = dims[1] as number;
  const zeros = { name: 'zeros', dtype, dims: [columns], data: new Uint8Array(4 * columns) };
  return onnxModel({
    inputs: [{ name: 'x', dtype, dims }],
    outputs: outputs.map((name) => ({ name, dtype, dims })),
    nodes: outputs.map((name) =>
      isHeavy
        ? { op: 'Add', inputs: ['x', 'zeros'], outputs: [name] }
        : { op: 'Identity', inputs: ['x'], outputs: [name] },
    ),
    initializers: isHeavy ? [zeros] : [],
  });
}
