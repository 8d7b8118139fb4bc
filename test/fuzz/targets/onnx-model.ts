import { UndecidedModel } from '../../../src/backends/graph/limits.ts';
import { readModel } from '../../../src/backends/onnx/graph/proto/model-reader.ts';
import { bytesField, varintField } from '../../support/wire-fragments.ts';
import { type FuzzTarget, orRefusal } from '../fuzz-target.ts';

const NODE = Uint8Array.from([...bytesField(1, 'x'), ...bytesField(2, 'y'), ...bytesField(4, 'Relu')]);
const INPUT = bytesField(1, 'x');

export const target: FuzzTarget = {
  says: 'ONNX files, as far as the proof of rows reads them',
  maxBytes: 1024,
  words: [NODE, INPUT, 'Relu', 'x', varintField(1, 8), bytesField(7, NODE), bytesField(5, 'value')],
  seeds: [
    Uint8Array.from([
      ...varintField(1, 8),
      ...bytesField(7, Uint8Array.from([...bytesField(1, NODE), ...bytesField(11, INPUT)])),
    ]),
  ],
  async run(bytes) {
    try {
      await readModel(bytes);
    } catch (error) {
      if (!(error instanceof UndecidedModel)) orRefusal(() => rethrow(error));
    }
  },
};

function rethrow(error: unknown): never {
  throw error;
}
