import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backendContract } from '../../../../src/api/contract/backend-contract.ts';
import type { TestModel } from '../../../../src/api/contract/backend-under-test.ts';
import { siblingModule } from '../../../../src/backends/host/sibling-module.ts';
import { bytesPerElement, DTYPES } from '../../../../src/core/dtype.ts';
import {
  savedModel,
  shapeAttr,
  type TfModel,
  type TfNode,
  tensorAttr,
  tensorProto,
  typeAttr,
} from '../../../support/saved-model.ts';

const FILE = 'saved_model.pb';

backendContract({
  kind: 'tfjs',
  module: siblingModule(import.meta.url, '../../../../src/backends/tfjs/tfjs-backend').href,
  dtypes: DTYPES,
  hasByteStrings: true,
  refusesShapes: false,
  missingProvider: 'cuda',
  writeModel: (directory, model) => writeFileSync(join(directory, FILE), savedModel(copyModel(model))),
  writeCorruptModel: (directory) => {
    const whole = savedModel(copyModel({ dtype: 'float32', dims: ['N', 2], outputs: ['a'] }));
    writeFileSync(join(directory, FILE), whole.subarray(0, whole.byteLength / 2));
    return FILE;
  },
});

function copyModel({ dtype, dims, outputs, isHeavy = false }: TestModel): TfModel {
  const shape = dims.map((dim) => (dim === 'N' ? -1 : dim));
  const place = (name: string) => ({ name: `${name}:0`, dtype, shape });
  const nodes: TfNode[] = [
    { name: 'x', op: 'Placeholder', attrs: { dtype: typeAttr(dtype), shape: shapeAttr(shape) } },
  ];
  if (isHeavy) nodes.push(zeros(dtype as 'float32', dims[1] as number));
  for (const name of outputs) {
    nodes.push({
      name,
      op: isHeavy ? 'AddV2' : 'Identity',
      inputs: isHeavy ? ['x', 'zeros'] : ['x'],
      attrs: { T: typeAttr(dtype) },
    });
  }
  const signature = {
    inputs: { x: place('x') },
    outputs: Object.fromEntries(outputs.map((name) => [name, place(name)])),
  };
  return { nodes, signatures: { serving_default: signature } };
}

function zeros(dtype: 'float32', columns: number): TfNode {
  const value = tensorProto(dtype, [columns], new Uint8Array(bytesPerElement(dtype) * columns));
  return { name: 'zeros', op: 'Const', attrs: { dtype: typeAttr(dtype), value: tensorAttr(value) } };
}
